//go:build static

package engine

import "errors"

// A static program stands alone in an image and runs the roles, which ask a
// ClickHouse server; it cannot load the local engine.
var errStatic = errors.New("this vigie is a static build for the roles: run `vigie up` from the one of `make build`")

func dlopen(string) (uintptr, error) { return 0, errStatic }

func dlsym(uintptr, string) (uintptr, error) { return 0, errStatic }

func bind(any, uintptr) {}
