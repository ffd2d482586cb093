package broker

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrMissing marks a prerequisite that is not installed; the command exits with 3.
var ErrMissing = errors.New("missing prerequisite")

// missing is a prerequisite error whose text is the one line for the person.
type missing struct{ text string }

func (m missing) Error() string { return m.text }
func (m missing) Unwrap() error { return ErrMissing }

// LibsEnv names the directory of Kafka's jars; it stands over the usual places.
const LibsEnv = "VIGIE_KAFKA_LIBS"

// JavaEnv names the java executable; it stands over JAVA_HOME and PATH.
const JavaEnv = "VIGIE_JAVA"

// oldestJava is what Kafka 4's broker needs.
const oldestJava = 17

// FindLibs returns the directory of Kafka's jars: explicit when not empty, the
// environment, deploy/local/libs beside the binary or the working directory, the
// user's cache. The error wraps ErrMissing and says what to do.
func FindLibs(explicit string) (string, error) {
	if explicit == "" {
		explicit = os.Getenv(LibsEnv)
	}
	if explicit != "" {
		if !hasKafka(explicit) {
			return "", missing{fmt.Sprintf("no Kafka jars in %s (given by flag or %s): run `make setup`", explicit, LibsEnv)}
		}
		return filepath.Abs(explicit)
	}
	for _, dir := range usualPlaces() {
		if hasKafka(dir) {
			return filepath.Abs(dir)
		}
	}
	return "", missing{"the local Kafka is not installed: run `make setup`, set " + LibsEnv + " to its jars, or use --ephemeral"}
}

func usualPlaces() []string {
	local := filepath.Join("deploy", "local", "libs")
	var dirs []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			dirs = append(dirs, filepath.Join(filepath.Dir(real), "..", local))
		}
	}
	dirs = append(dirs, local)
	if cache, err := os.UserCacheDir(); err == nil {
		dirs = append(dirs, filepath.Join(cache, "vigie", "kafka", "libs"))
	}
	return dirs
}

func hasKafka(dir string) bool {
	for _, jar := range []string{"kafka_2.13-*.jar", "kafka-clients-*.jar"} {
		found, err := filepath.Glob(filepath.Join(dir, jar))
		if err != nil || len(found) == 0 {
			return false
		}
	}
	return true
}

var javaVersion = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

// FindJava returns the java executable: explicit when not empty, the
// environment, JAVA_HOME, PATH. The error wraps ErrMissing.
func FindJava(explicit string) (string, error) {
	candidates := []string{javaHome(), "java"}
	if named := cmp.Or(explicit, os.Getenv(JavaEnv)); named != "" {
		candidates = []string{named} // another one in its place would surprise
	}
	for _, candidate := range candidates {
		if candidate == "" {
			continue
		}
		path, err := exec.LookPath(candidate)
		if err != nil {
			continue
		}
		out, err := exec.Command(path, "-version").CombinedOutput()
		if err != nil {
			continue
		}
		m := javaVersion.FindSubmatch(out)
		if m == nil {
			continue
		}
		if n, err := strconv.Atoi(string(m[1])); err == nil && n >= oldestJava {
			return path, nil
		}
		return "", missing{fmt.Sprintf("Java %d or newer is needed for the local Kafka; %s is Java %s: install openjdk-%d-jre-headless (or newer), set %s, or use --ephemeral",
			oldestJava, path, m[1], oldestJava, JavaEnv)}
	}
	return "", missing{fmt.Sprintf("Java %d or newer is needed for the local Kafka and is not at %s: install openjdk-%d-jre-headless (or newer), or use --ephemeral",
		oldestJava, strings.Join(slices.DeleteFunc(candidates, func(c string) bool { return c == "" }), ", "), oldestJava)}
}

func javaHome() string {
	home := os.Getenv("JAVA_HOME")
	if home == "" {
		return ""
	}
	return filepath.Join(home, "bin", "java")
}
