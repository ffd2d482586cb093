package desk

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// form says which fields an act needs, and which others mean something for it.
type form struct{ needs, takes []string }

// addressed are the fields that say which act on what: no form lists them.
var addressed = []string{"act", "incident", "sites", "group", "step", "call"}

// check finds the first field that is missing, and the first that has no meaning
// for the act. body is a pointer to a struct whose fields have JSON names.
func (f form) check(act string, body any) error {
	fields := fieldsOf(reflect.ValueOf(body).Elem())
	for _, name := range f.needs {
		if fields.value(name).IsZero() {
			return invalid("body."+name, act+" needs "+name, nil)
		}
	}
	for _, x := range fields {
		known := slices.Contains(addressed, x.name) || slices.Contains(f.needs, x.name) || slices.Contains(f.takes, x.name)
		if !known && !x.value.IsZero() {
			return invalid("body."+x.name, x.name+" has no meaning for "+act, nil)
		}
	}
	return nil
}

type field struct {
	name  string
	value reflect.Value
}

type fields []field

// fieldsOf lists the fields of a struct by their JSON names, those of embedded
// structs among them.
func fieldsOf(v reflect.Value) (out fields) {
	for i := range v.NumField() {
		t := v.Type().Field(i)
		if t.Anonymous {
			out = append(out, fieldsOf(v.Field(i))...)
			continue
		}
		name, _, _ := strings.Cut(t.Tag.Get("json"), ",")
		out = append(out, field{name, v.Field(i)})
	}
	return out
}

func (f fields) value(name string) reflect.Value {
	for _, x := range f {
		if x.name == name {
			return x.value
		}
	}
	panic("desk: a form names the field " + name + ", which its body does not have")
}

// Names that people give, and references into call lists. Neither may be the name
// or the number of a person: both stand unsealed in the log.
var (
	nameForm      = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	referenceForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

// checkForm refuses a value that is given and is not of a form.
func checkForm(name, value string, of *regexp.Regexp, expected string) error {
	if value == "" || of.MatchString(value) {
		return nil
	}
	return invalid("body."+name, expected+" is expected, 64 at most", value)
}

const (
	expectedName      = "a name of lower-case letters, digits, dots and dashes"
	expectedReference = "a reference of letters, digits, dots and dashes, never a person's name,"
)
