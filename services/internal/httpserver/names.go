package httpserver

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// EnumName is the value of an enum as the API shows it: without the type's
// prefix, in lower kebab case. CLOSURE_STATUS_DETECTED is "detected";
// _UNSPECIFIED is "".
func EnumName(e protoreflect.Enum) string {
	v := e.Descriptor().Values().ByNumber(e.Number())
	if e.Number() == 0 || v == nil {
		return ""
	}
	return shown(e.Descriptor(), v)
}

// EnumNumber is the value that EnumName shows so, and false for none.
func EnumNumber(d protoreflect.EnumDescriptor, name string) (protoreflect.EnumNumber, bool) {
	for i := range d.Values().Len() {
		if v := d.Values().Get(i); v.Number() != 0 && shown(d, v) == name {
			return v.Number(), true
		}
	}
	return 0, false
}

// EnumNames lists what EnumName can show, in order of number.
func EnumNames(d protoreflect.EnumDescriptor) []string {
	var names []string
	for i := range d.Values().Len() {
		if v := d.Values().Get(i); v.Number() != 0 {
			names = append(names, shown(d, v))
		}
	}
	return names
}

func shown(d protoreflect.EnumDescriptor, v protoreflect.EnumValueDescriptor) string {
	zero := string(d.Values().ByNumber(0).Name())
	prefix := strings.TrimSuffix(zero, "UNSPECIFIED")
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(string(v.Name()), prefix)), "_", "-")
}
