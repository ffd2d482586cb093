package deploy_test

import (
	"debug/elf"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"go.yaml.in/yaml/v3"
)

type versions struct {
	Images struct{ Kafka, Clickhouse, Grafana, Prometheus string }
	Build  struct{ Go, Node string }
}

func pinned(t *testing.T) versions {
	t.Helper()
	var v versions
	d := yaml.NewDecoder(strings.NewReader(read(t, "versions.yml")))
	d.KnownFields(true)
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// find returns what a pattern's group matches in a file.
func find(t *testing.T, pattern string, elem ...string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(read(t, elem...))
	if found == nil {
		t.Fatalf("%s has no %s", filepath.Join(elem...), pattern)
	}
	return found[1]
}

func tag(image string) string { return image[strings.LastIndex(image, ":")+1:] }

// versions.yml is the one place: everything else says the same.
func TestVersionsAgree(t *testing.T) {
	v := pinned(t)
	services := installations(t)["three brokers"].Services
	for service, want := range map[string]string{"kafka": v.Images.Kafka, "kafka-2": v.Images.Kafka, "kafka-3": v.Images.Kafka,
		"clickhouse": v.Images.Clickhouse, "grafana": v.Images.Grafana, "prometheus": v.Images.Prometheus} {
		if got := services[service].Image; got != want {
			t.Errorf("compose.yml: %s is %s, want %s", service, got, want)
		}
	}
	engine := find(t, `"@chdb/lib-linux-x64-gnu": "(\d+\.\d+)\.\d+"`, "local", "package.json")
	for _, c := range []struct{ what, got, want string }{
		{"Dockerfile, Go", find(t, `FROM (golang:\S+)`, "Dockerfile"), v.Build.Go},
		{"Dockerfile, Node", find(t, `FROM (node:\S+)`, "Dockerfile"), v.Build.Node},
		{"go.mod", find(t, `\ngo (\S+)`, "..", "go.mod"), tag(v.Build.Go)},
		{"pom.xml", find(t, `<kafka.version>(.*)</kafka.version>`, "local", "pom.xml"), tag(v.Images.Kafka)},
		{"deploy/local/package.json", engine, tag(v.Images.Clickhouse)},
		{"the plugin's package.json", find(t, `"@grafana/data": "(.*)"`, "..", "dashboards", "plugin", "package.json"), tag(v.Images.Grafana)},
	} {
		if c.got != c.want {
			t.Errorf("%s says %s, versions.yml %s", c.what, c.got, c.want)
		}
	}
}

// The image has no libc and no loader: a program that asks for one does not start.
func TestImageProgramIsStatic(t *testing.T) {
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program asks for a loader; see services/warehouse/engine/dl.go")
		}
	}
	if libs, err := f.ImportedLibraries(); err == nil && len(libs) > 0 {
		t.Errorf("it asks for %v", libs)
	}
	if !strings.Contains(read(t, "Dockerfile"), "CGO_ENABLED=0 go build -tags static ") {
		t.Error("the Dockerfile builds another program than this test")
	}
}

// What the image is built from gets into the build; secrets and data do not.
func TestDockerignore(t *testing.T) {
	patterns, err := ignorefile.ReadAll(strings.NewReader(read(t, "..", ".dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	ignored := func(path string) bool {
		t.Helper()
		no, err := matcher.MatchesOrParentMatches(path)
		if err != nil {
			t.Fatal(err)
		}
		return no
	}
	for _, path := range append(sources(t), ".npmrc", "go.mod", "go.sum", "services/console/web/package-lock.json", "services/console/web/index.html") {
		if ignored(path) {
			t.Errorf("%s is needed and ignored", path)
		}
	}
	for _, path := range []string{"deploy/.env", ".vigie/keys/master.key", ".git/config", "bin/vigie", "services/console/web/node_modules/vite/package.json"} {
		if !ignored(path) {
			t.Errorf("%s gets into the build", path)
		}
	}
}

// sources are the files of this module that the image's program is made of.
func sources(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-tags", "static", "-json=Dir,Module,GoFiles,EmbedFiles", "./services/vigie")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	root := abs(t, "..")
	var files []string
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p struct {
			Dir                 string
			Module              *struct{ Main bool }
			GoFiles, EmbedFiles []string
		}
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		for _, name := range append(p.GoFiles, p.EmbedFiles...) {
			path, err := filepath.Rel(root, filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			// The page is built in the image itself.
			if !strings.HasPrefix(path, "services/console/web/dist/") {
				files = append(files, path)
			}
		}
	}
	return files
}
