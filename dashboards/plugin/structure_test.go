package plugin_test

import (
	"debug/elf"
	"encoding/json"
	"encoding/xml"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/open-vigie/vigie/dashboards/plugin/pkg/plugin"
)

// dist is the plugin as `make plugin` built it, which is what is installed.
func dist(t *testing.T) fs.FS {
	t.Helper()
	if _, err := os.Stat("dist/plugin.json"); err != nil {
		t.Fatalf("the plugin is not built: run `make plugin` (%v)", err)
	}
	return os.DirFS("dist")
}

func content(t *testing.T, dir fs.FS, name string) string {
	t.Helper()
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// manifest is what plugin.json says.
type manifest struct {
	Type, Name, ID, Executable                         string
	Metrics, Alerting, Annotations, Streaming, Backend bool
	Info                                               struct {
		Description, Version, Updated string
		Author                        struct{ Name, URL string }
		Keywords                      []string
		Logos                         struct{ Small, Large string }
		Links                         []struct{ Name, URL string }
		Screenshots                   []struct{ Path string }
	}
	Dependencies struct{ GrafanaDependency string }
}

// What Grafana and its plugin checker look for in a plugin's directory.
func TestManifest(t *testing.T) {
	dir := dist(t)
	var m manifest
	if err := json.Unmarshal([]byte(content(t, dir, "plugin.json")), &m); err != nil {
		t.Fatal(err)
	}
	if m.ID != plugin.ID || m.Type != "datasource" || !strings.HasSuffix(m.ID, "-datasource") || m.Name == "" {
		t.Errorf("id %q, type %q, name %q", m.ID, m.Type, m.Name)
	}
	if !m.Backend || !m.Alerting || !m.Streaming || !m.Metrics || m.Annotations || m.Executable != "gpx_vigie" {
		t.Errorf("it says of itself %+v", m)
	}
	if !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(m.Info.Version) || !regexp.MustCompile(`^\d{4}-\d\d-\d\d$`).MatchString(m.Info.Updated) {
		t.Errorf("version %q of %q: they were not filled in", m.Info.Version, m.Info.Updated)
	}
	if !regexp.MustCompile(`^>=\d+\.\d+\.\d+$`).MatchString(m.Dependencies.GrafanaDependency) {
		t.Errorf("grafanaDependency %q", m.Dependencies.GrafanaDependency)
	}
	if m.Info.Description == "" || m.Info.Author.Name == "" || len(m.Info.Keywords) == 0 || len(m.Info.Links) == 0 {
		t.Errorf("it introduces itself as %+v", m.Info)
	}
	for _, l := range m.Info.Links {
		if !strings.HasPrefix(l.URL, "https://") || l.Name == "" {
			t.Errorf("link %+v", l)
		}
	}
	for _, logo := range []string{m.Info.Logos.Small, m.Info.Logos.Large} {
		if err := xml.Unmarshal([]byte(content(t, dir, logo)), new(struct{})); err != nil {
			t.Errorf("logo %s is no SVG: %v", logo, err)
		}
	}
	if !strings.Contains(content(t, dir, "CHANGELOG.md"), "## "+m.Info.Version) {
		t.Errorf("CHANGELOG.md has nothing on %s", m.Info.Version)
	}
	var pkg struct{ Name, Version string }
	if err := json.Unmarshal([]byte(content(t, os.DirFS("."), "package.json")), &pkg); err != nil || pkg.Name != m.ID || pkg.Version != m.Info.Version {
		t.Errorf("package.json says %+v (%v): run `make plugin`", pkg, err)
	}
}

// Nothing is installed that does not belong there, and nothing tells of the
// machine that built it.
func TestFilesOfThePlugin(t *testing.T) {
	dir := dist(t)
	want := []string{"CHANGELOG.md", "LICENSE", "README.md", "img/logo.svg", "module.js", "plugin.json"}
	var executables []string
	here, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(dir, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasPrefix(path, "gpx_") {
			executables = append(executables, path)
			return nil
		}
		i := slices.Index(want, path)
		if i < 0 {
			t.Errorf("%s does not belong into the plugin", path)
			return nil
		}
		want = slices.Delete(want, i, i+1)
		text := content(t, dir, path)
		if len(text) < 100 || strings.Contains(text, here) || strings.Contains(text, "sourceMappingURL") || strings.Contains(text, "node_modules/") {
			t.Errorf("%s is empty, or tells where it was built", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(want) > 0 {
		t.Errorf("the plugin lacks %v", want)
	}
	if js := content(t, dir, "module.js"); !strings.HasPrefix(js, "define([") {
		t.Error("module.js is no AMD module, which is what Grafana loads")
	}
	if readme := content(t, dir, "README.md"); !strings.HasPrefix(readme, "# ") || strings.Contains(readme, "](img/") || strings.Contains(readme, "](../") {
		t.Error("README.md has no title, or links that lead nowhere once it is installed")
	}
	checkExecutables(t, executables)
}

// machines are the architectures that Grafana asks for by name.
var machines = map[string]elf.Machine{"gpx_vigie_linux_amd64": elf.EM_X86_64, "gpx_vigie_linux_arm64": elf.EM_AARCH64}

func checkExecutables(t *testing.T, names []string) {
	t.Helper()
	if len(names) == 0 {
		t.Error("the plugin has no executable: run `make plugin`")
	}
	for _, name := range names {
		machine, known := machines[name]
		path := filepath.Join("dist", name)
		info, err := os.Stat(path)
		if err != nil || !known || info.Mode()&0o111 == 0 {
			t.Errorf("%s: no name that Grafana starts, or not executable (%v)", name, err)
			continue
		}
		file, err := elf.Open(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		libraries, err := file.ImportedLibraries()
		if file.Machine != machine || err != nil || len(libraries) > 0 {
			t.Errorf("%s is for %s and needs %v (%v)", name, file.Machine, libraries, err)
		}
		_ = file.Close()
	}
}
