//go:build !static

package engine

import "github.com/ebitengine/purego"

// What loads a C library makes the program need the system's loader and libc,
// even without cgo; everything that does so is here, for dl_static.go to leave out.

func dlopen(path string) (uintptr, error) {
	return purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

func dlsym(library uintptr, name string) (uintptr, error) { return purego.Dlsym(library, name) }

// bind makes the function that fn points to call the C function at symbol.
func bind(fn any, symbol uintptr) { purego.RegisterFunc(fn, symbol) }
