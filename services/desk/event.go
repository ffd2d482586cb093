package desk

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/open-vigie/vigie/services/internal/httpserver"
)

// number is the value of an enum that the API shows by this name; 0 for "".
func number[E interface {
	~int32
	protoreflect.Enum
}](name string) E {
	var zero E
	n, _ := httpserver.EnumNumber(zero.Descriptor(), name)
	return E(n)
}
