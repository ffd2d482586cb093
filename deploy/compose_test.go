package deploy_test

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// secrets makes an .env as an administrator does, and returns its lines.
func secrets(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	script := filepath.Join(dir, "secrets.sh")
	if err := os.WriteFile(script, []byte(read(t, "secrets.sh")), 0o700); err != nil {
		t.Fatal(err)
	}
	if code, said := run(t, nil, "sh", script); code != 0 {
		t.Fatal(said)
	}
	env := filepath.Join(dir, ".env")
	if info, err := os.Stat(env); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v: others may read it", info.Mode(), err)
	}
	if code, said := run(t, nil, "sh", script); code == 0 || !strings.Contains(said, "there already") {
		t.Errorf("a second run: %s", said)
	}
	var lines []string
	for line := range strings.Lines(read(t, env)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func load(t *testing.T, env []string, files ...string) (*types.Project, error) {
	t.Helper()
	for i := range files {
		files[i] = abs(t, files[i])
	}
	options, err := cli.NewProjectOptions(files, cli.WithEnv(env), cli.WithDiscardEnvFile, cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

// installations are the ways to start what is here.
func installations(t *testing.T) map[string]*types.Project {
	t.Helper()
	env := secrets(t)
	out := map[string]*types.Project{}
	for name, files := range map[string][]string{"one broker": {"compose.yml"}, "three brokers": {"compose.yml", "compose.cluster.yml"}} {
		project, err := load(t, env, files...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = project
	}
	return out
}

const image = "vigie:local"

var secretUse = regexp.MustCompile(`\$\{[A-Z_]*(?:PASSWORD|TOKEN|CLUSTER_ID)[^}]*\}`)

// Nothing starts on a password that somebody forgot to choose.
func TestComposeHasNoDefaultSecrets(t *testing.T) {
	for _, use := range secretUse.FindAllString(read(t, "compose.yml"), -1) {
		if !strings.Contains(use, ":?run deploy/secrets.sh") {
			t.Errorf("%s does not insist on a value", use)
		}
	}
	env := secrets(t)
	seen := map[string]bool{}
	for i, line := range env {
		name, value, _ := strings.Cut(line, "=")
		if !regexp.MustCompile(`PASSWORD|TOKEN|CLUSTER_ID`).MatchString(name) {
			continue
		}
		if seen[value] || len(value) < 22 {
			t.Errorf("%s is short, or used twice", name)
		}
		seen[value] = true
		if _, err := load(t, slices.Delete(slices.Clone(env), i, i+1), "compose.yml"); err == nil || !strings.Contains(err.Error(), "deploy/secrets.sh") {
			t.Errorf("without %s: %v", name, err)
		}
		if name == "KAFKA_CLUSTER_ID" {
			if id, err := base64.RawURLEncoding.DecodeString(value); err != nil || len(id) != 16 || value[0] == '-' {
				t.Errorf("%s is no id for Kafka: %q, %v", name, value, err)
			}
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d secrets are made", len(seen))
	}
}

// Every container has what it needs to do its work, and no more.
func TestContainersAreGuarded(t *testing.T) {
	for name, project := range installations(t) {
		for _, s := range project.Services {
			where := name + ": " + s.Name
			if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.Privileged {
				t.Errorf("%s: read-only, without capabilities, without new privileges?", where)
			}
			if user, _, _ := strings.Cut(s.User, ":"); user == "" || user == "0" || user == "root" {
				t.Errorf("%s runs as %q", where, s.User)
			}
			if s.MemLimit == 0 || s.PidsLimit == 0 || s.Restart == "" || s.Logging == nil {
				t.Errorf("%s: bounded in memory, processes and logs, and started again?", where)
			}
			if once := s.Name == "provision"; (s.HealthCheck == nil || s.HealthCheck.Disable) && s.Image != image && !once {
				t.Errorf("%s has no health check", where)
			}
			for _, p := range s.Ports {
				if p.HostIP != "127.0.0.1" {
					t.Errorf("%s shows port %s to the world", where, p.Published)
				}
			}
			_, outside := s.Networks["outside"]
			if (s.Name == "clickhouse" || strings.HasPrefix(s.Name, "kafka")) && (outside || len(s.Ports) > 0) {
				t.Errorf("%s can be reached from outside", where)
			}
			for _, v := range s.Volumes {
				if v.Type != types.VolumeTypeBind || strings.HasSuffix(v.Source, filepath.Join("plugin", "dist")) { // built, not kept
					continue
				}
				if _, err := os.Stat(v.Source); err != nil || !v.ReadOnly {
					t.Errorf("%s mounts %s: %v, read-only %v", where, v.Source, err, v.ReadOnly)
				}
			}
		}
		if !project.Networks["inside"].Internal {
			t.Errorf("%s: the inner network has a way out", name)
		}
	}
}

func environ(s types.ServiceConfig) []string {
	var env []string
	for name, value := range s.Environment {
		if value != nil {
			env = append(env, name+"="+*value)
		}
	}
	slices.Sort(env)
	return env
}

// The roles' command lines and variables are ones that the program knows, and no
// two members of a group have one name.
func TestRolesOfComposeAreUnderstood(t *testing.T) {
	for name, project := range installations(t) {
		roles, members := map[string]int{}, map[string]bool{}
		for _, s := range project.Services {
			if s.Image != image {
				continue
			}
			where := name + ": " + s.Name
			roles[s.Command[0]]++
			commandParses(t, where, s.Command)
			environmentIsKnown(t, where, environ(s))
			for key, value := range s.Environment {
				if !strings.HasPrefix(key, "VIGIE_") {
					t.Errorf("%s: %s is nothing that vigie reads", where, key)
				}
				if regexp.MustCompile(`_(INSTANCE|ID|NAME)$`).MatchString(key) {
					if members[key+*value] {
						t.Errorf("%s: another one is called %s=%s too", where, key, *value)
					}
					members[key+*value] = true
				}
			}
			brokers := 0
			for other := range project.Services {
				if strings.HasPrefix(other, "kafka") {
					brokers++
				}
			}
			if have := strings.Count(*s.Environment["VIGIE_KAFKA_BROKERS"], ":9092"); have != brokers {
				t.Errorf("%s knows %d of %d brokers", where, have, brokers)
			}
		}
		if got, want := fmt.Sprint(roles), "map[archiver:1 console:1 processor:2 provision:1 receiver:1]"; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

type clickHouseUser struct {
	XMLName  xml.Name
	Password *struct {
		FromEnv string `xml:"from_env,attr"`
		Text    string `xml:",chardata"`
	} `xml:"password"`
	Remove  string   `xml:"remove,attr"`
	Profile string   `xml:"profile"`
	Grants  []string `xml:"grants>query"`
}

// Dashboards have a user that can only read; the one without a password is gone.
func TestClickHouseUsers(t *testing.T) {
	var file struct {
		Users struct {
			List []clickHouseUser `xml:",any"`
		} `xml:"users"`
		Readonly int `xml:"profiles>vigie_reader>readonly"`
	}
	if err := xml.Unmarshal([]byte(read(t, "clickhouse", "users.xml")), &file); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, read(t, "clickhouse", "server.xml"))
	users := map[string]clickHouseUser{}
	for _, u := range file.Users.List {
		users[u.XMLName.Local] = u
	}
	if users["default"].Remove != "remove" || file.Readonly != 2 || fmt.Sprint(users["vigie_reader"].Grants) != "[GRANT SELECT ON vigie.*]" || users["vigie_reader"].Profile != "vigie_reader" {
		t.Errorf("got %+v", file)
	}
	services := installations(t)["one broker"].Services
	for role, user := range map[string]string{"archiver": "vigie", "console": "vigie_reader", "grafana": "vigie_reader"} {
		env := services[role].Environment
		u, ok := users[*env["VIGIE_CLICKHOUSE_USER"]]
		if !ok || u.XMLName.Local != user || u.Password == nil || u.Password.Text != "" {
			t.Fatalf("%s asks as %+v", role, u)
		}
		if *env["VIGIE_CLICKHOUSE_PASSWORD"] != *services["clickhouse"].Environment[u.Password.FromEnv] {
			t.Errorf("the password of %s is not that of the server", role)
		}
	}
}

func wellFormed(t *testing.T, text string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// Grafana gets each variable that its provisioning files name.
func TestGrafanaHasWhatItsDataSourceNeeds(t *testing.T) {
	env := installations(t)["one broker"].Services["grafana"].Environment
	provisioning := read(t, "..", "dashboards", "provisioning", "datasources", "vigie.yml")
	for _, found := range regexp.MustCompile(`: \$([A-Z_]+)`).FindAllStringSubmatch(provisioning, -1) {
		if env[found[1]] == nil {
			t.Errorf("%s is not set", found[1])
		}
	}
	plugin := regexp.MustCompile(`type: (openvigie-\S+)`).FindStringSubmatch(provisioning)[1]
	if got := *env["GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS"]; got != plugin {
		t.Errorf("Grafana may load %s, and the data source is %s", got, plugin)
	}
}
