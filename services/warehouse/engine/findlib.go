package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// LibEnv names the environment variable with the path of libchdb.so.
const LibEnv = "VIGIE_CHDB_LIB"

const libInPackage = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"

// ErrNoLib says that the ClickHouse engine is not installed on this machine.
var ErrNoLib = errors.New("the ClickHouse engine (libchdb.so) is not installed: run `make setup`, or set " + LibEnv + " to its path")

// FindLib returns the path of libchdb.so: the flag's value, the environment's,
// deploy/local beside the binary or above the working directory, the user's
// cache. It returns ErrNoLib when there is none.
func FindLib(flag string) (string, error) {
	for _, p := range []string{flag, os.Getenv(LibEnv)} {
		if p == "" {
			continue
		}
		if !isFile(p) {
			return "", fmt.Errorf("there is no ClickHouse engine at %s: %w", p, ErrNoLib)
		}
		return filepath.Abs(p)
	}
	var candidates []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			candidates = append(candidates, filepath.Join(filepath.Dir(real), "..", "deploy", "local", libInPackage))
		}
	}
	if dir, err := os.Getwd(); err == nil {
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			candidates = append(candidates, filepath.Join(dir, "deploy", "local", libInPackage))
		}
	}
	if cache, err := os.UserCacheDir(); err == nil {
		candidates = append(candidates, filepath.Join(cache, "vigie", libInPackage))
	}
	for _, p := range candidates {
		if isFile(p) {
			return filepath.Abs(p)
		}
	}
	return "", ErrNoLib
}

func isFile(p string) bool {
	i, err := os.Stat(p)
	return err == nil && i.Mode().IsRegular()
}
