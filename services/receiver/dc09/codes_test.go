package dc09

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	v1 "github.com/open-vigie/vigie/schemas/vigiev1"
)

// python is the interpreter that `make setup` installs third parties' codecs in.
func python(t testing.TB, script string) string {
	t.Helper()
	return pythonIn(t, "", script)
}

// pythonIn gives the script an input.
func pythonIn(t testing.TB, input, script string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "../../../.tools/venv/bin/python", script)
	cmd.Stdin = strings.NewReader(input)
	var why strings.Builder
	cmd.Stderr = &why
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v; if it is the interpreter or a package that is missing, run `make setup`\n%s%s", script, err, out, why.String())
	}
	return string(out)
}

// tableOf gives the lines of a table as columns, by code.
func tableOf(table string) map[string][]string {
	rows := map[string][]string{}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "#") {
			row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			rows[row[0]] = row
		}
	}
	return rows
}

// TestTablesHoldEveryCodeOfTheSources asks the packages themselves: each code that
// they have is in our table, with the name that they give it, and no other is.
func TestTablesHoldEveryCodeOfTheSources(t *testing.T) {
	sia, cid := tableOf(siaTable), tableOf(cidTable)
	listed := map[string]int{}
	for line := range strings.Lines(python(t, "testdata/codes.py")) {
		col := strings.Split(strings.TrimSuffix(line, "\n"), "\t") // table, code, siadc09, pysiaalarm
		row, names := sia[col[1]], 5
		if col[0] == "cid" {
			row, names = cid[col[1]], 4
		}
		listed[col[0]]++
		if row == nil {
			t.Errorf("%s %s (%q, %q) is not in the table", col[0], col[1], col[2], col[3])
		} else if row[names] != col[2] || row[names+1] != col[3] {
			t.Errorf("%s %s: the table says %q and %q, the sources %q and %q", col[0], col[1], row[names], row[names+1], col[2], col[3])
		}
	}
	listed["sia"]++ // HV, of which a panel maker's manual tells
	if listed["sia"] != len(sia) || listed["cid"] != len(cid) || len(sia) < 300 || len(cid) < 300 {
		t.Errorf("the sources list %v codes, the tables have %d and %d", listed, len(sia), len(cid))
	}
}

func TestEveryCodeHasAClass(t *testing.T) {
	for code, row := range siaCodes {
		wantClass(t, code, row.meaning)
		if SIAName(code) == "" && code != "HV" {
			t.Errorf("%s has no name", code)
		}
	}
	for code, row := range cidCodes {
		wantClass(t, code, row.meaning)
		if row.meaning.Restore {
			t.Errorf("%s: the qualifier tells a restoral, not the code", code)
		}
	}
}

func wantClass(t *testing.T, code string, m Meaning) {
	switch m.Class {
	case v1.EventClass_EVENT_CLASS_UNSPECIFIED, v1.EventClass_EVENT_CLASS_NOT_CONFIGURED:
		t.Errorf("%s has no class", code)
	}
	// An alarm or a fault of no class would be answered by nobody's clock.
	informs := m.Class == v1.EventClass_EVENT_CLASS_INFORMATION
	switch m.Kind {
	case KindAlarm, KindCancel, KindFault, KindTamper:
		if informs {
			t.Errorf("%s: %v", code, m)
		}
	case KindTest, KindTestPeriodic:
		if m.Class != v1.EventClass_EVENT_CLASS_TEST {
			t.Errorf("%s: %v", code, m)
		}
	default:
		if !informs {
			t.Errorf("%s: %v", code, m)
		}
	}
}

// TestDisagreementsAreListed: where the sources differ, the document says so.
func TestDisagreementsAreListed(t *testing.T) {
	b, err := os.ReadFile("../../../docs/dc09.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		if cell := strings.Split(line, "|"); len(cell) > 4 {
			for _, code := range strings.Fields(strings.NewReplacer("`", "", ",", " ").Replace(cell[1])) {
				listed[code] = true
			}
		}
	}
	for code, row := range tableOf(siaTable) {
		if plainName(row[5]) != plainName(row[6]) && !listed[code] {
			t.Errorf("%s: siadc09 says %q, pysiaalarm %q: docs/dc09.md does not tell", code, row[5], row[6])
		}
	}
	for code, row := range tableOf(cidTable) {
		raise, _, paired := strings.Cut(row[5], "/")
		switch {
		case row[4] == "-", paired && siaCodes[raise].meaning.Class != cidCodes[code].meaning.Class:
			if !listed[code] {
				t.Errorf("%s: we say %s, pysiaalarm pairs it with %s: docs/dc09.md does not tell", code, row[1], row[5])
			}
		}
	}
}

// plainName leaves the punctuation of a name out.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > 'z' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

func TestTableThatIsBrokenIsNoTable(t *testing.T) {
	for name, table := range map[string]string{
		"a column short": "BA\tintrusion\talarm\t-\tzone\tx\n",
		"a class":        "BA\tburglary\talarm\t-\tzone\tx\tx\n",
		"a kind":         "BA\tintrusion\tnoise\t-\tzone\tx\tx\n",
		"twice":          "BA\tintrusion\talarm\t-\tzone\tx\tx\nBA\tintrusion\talarm\t-\tzone\tx\tx\n",
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			readCodes(table, 7)
		}()
	}
}
