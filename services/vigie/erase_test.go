package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/warehouse"
)

// What a person wrote of a person, and what a panel said of one. The label of the
// site stands in clear, and shows that the search finds what is there.
const (
	writtenOfSomebody = "Quisquater"
	standsInClear     = "Pharmacie du Pont"
)

// A name that was written in a consigne and sent by a panel stands nowhere in clear:
// not in Kafka, not in ClickHouse, not in a file. Once its site's key is erased nobody
// reads it any more, while alarms go on and new texts can be read.
func TestErasedIsUnreadableEverywhere(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	in.start()
	in.declare(map[string]any{"site": 4711, "label": standsInClear, "class": "shop", "time_zone": "Europe/Paris", "stage": "in-service",
		"accounts": []any{map[string]any{"account": "4711"}}, "zones": []any{map[string]any{"zone": "7"}}})
	leader := in.logIn(in.Console.Login, "shift-leader")
	in.writes(leader, "before", "appeler Madame "+writtenOfSomebody)
	in.sendsText("4711", "Salon "+writtenOfSomebody)
	in.wantText(leader, writtenOfSomebody, false)
	in.wantWarehouse()
	in.wantNowhere(writtenOfSomebody)

	for _, args := range [][]string{
		{"erase", "--site", "4711", "--reason", "request-2026-113"}, {"erase", "--site", "4711", "--yes"}, {"erase", "--site", "shop", "--reason", "x", "--yes"},
		{"erase", "--site", "0", "--reason", "x", "--yes"}, {"erase", "--site", "4711", "--reason", "Jean Dupont", "--yes"},
	} {
		cmd := vigie(t.Context(), t, append(args, "--data", in.data)...)
		if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() != 2 {
			t.Fatalf("vigie %v: %v\n%s", args, err, out)
		}
	}
	if out, err := vigie(t.Context(), t, "erase", "--site", "999", "--reason", "x", "--yes", "--data", in.data).CombinedOutput(); err == nil || !bytes.Contains(out, []byte("no key of S-999")) {
		t.Errorf("a site that has no key: %v\n%s", err, out)
	}
	in.wantText(leader, writtenOfSomebody, false)
	if out, err := vigie(t.Context(), t, "erase", "--site", "S-4711", "--reason", "request-2026-113", "--yes", "--data", in.data).CombinedOutput(); err != nil {
		t.Fatalf("vigie erase: %v\n%s", err, out)
	}
	in.wantText(leader, "", true)
	if _, said := in.asks(leader, http.MethodGet, "/api/v1/sites/4711/transmissions", nil); bytes.Contains(said, []byte(writtenOfSomebody)) {
		t.Errorf("what the panel sent can still be read: %s", said)
	}
	if out, err := vigie(t.Context(), t, "explain", "S-4711", "--data", in.data).CombinedOutput(); err != nil || bytes.Contains(out, []byte(writtenOfSomebody)) {
		t.Errorf("the site's story: %v\n%s", err, out)
	}
	in.writes(leader, "after", "appeler le gérant")
	in.sendsText("4711", "Salon")
	in.wantText(leader, "appeler le gérant", false)
	in.wantWarehouse()
	if n := in.counted("SELECT count() FROM " + in.ClickHouse.Database + ".events WHERE site = 4711 AND kind = 'key_shredded'"); n != 1 {
		t.Errorf("the erasure stands in ClickHouse %d times", n)
	}
}

// writes sets a consigne with a text.
func (in *installationUnderTest) writes(who *http.Client, consigne, text string) {
	in.t.Helper()
	code, said := in.asks(who, http.MethodPost, "/api/v1/sites/4711/acts",
		map[string]any{"act": "consigne-set", "consigne": consigne, "text": text, "permanent": true, "by": "contact-1", "authenticated_how": "passcode"})
	if code != http.StatusCreated {
		in.t.Fatalf("setting a consigne: %d %s", code, said)
	}
}

func (in *installationUnderTest) sendsText(account, text string) {
	in.t.Helper()
	out, err := vigie(in.t.Context(), in.t, "panel", "send", "--to", in.DC09.UDP, "--account", account, "--code", "BA", "--zone", "7", "--text", text).CombinedOutput()
	if err != nil {
		in.t.Fatalf("vigie panel send: %v\n%s", err, out)
	}
}

// wantText: one consigne of the site reads so, or one is shredded.
func (in *installationUnderTest) wantText(who *http.Client, text string, shredded bool) {
	in.t.Helper()
	var last []byte
	if !eventually(startPatience, func() bool {
		var list []struct {
			Text     string
			Shredded bool
		}
		_, last = in.asks(who, http.MethodGet, "/api/v1/sites/4711/consignes", nil)
		if json.Unmarshal(last, &list) != nil {
			return false
		}
		for _, c := range list {
			if shredded && c.Shredded || !shredded && bytes.Contains([]byte(c.Text), []byte(text)) {
				return true
			}
		}
		return false
	}) {
		in.t.Fatalf("the texts are %s, want %q, shredded %v", last, text, shredded)
	}
}

// wantNowhere looks for a word in every record, every column and every file.
func (in *installationUnderTest) wantNowhere(word string) {
	in.t.Helper()
	inClear := 0
	for _, row := range topics.Table() {
		for _, records := range in.topic(row.Name) {
			for _, r := range records {
				all := bytes.Join([][]byte{r.Key, r.Value}, nil)
				for _, h := range r.Headers {
					all = append(all, h.Value...)
				}
				if bytes.Contains(all, []byte(word)) {
					in.t.Errorf("it stands in clear on %s at %d/%d", row.Name, r.Partition, r.Offset)
				}
				if bytes.Contains(all, []byte(standsInClear)) {
					inClear++
				}
			}
		}
	}
	columns := in.columnsWith(word)
	if len(columns) > 0 || inClear == 0 || len(in.columnsWith(standsInClear)) == 0 {
		in.t.Errorf("columns %v hold it; what stands in clear is in %d records, and in ClickHouse in %v", columns, inClear, in.columnsWith(standsInClear))
	}
	in.wantNoFile(word)
}

// columnsWith names the columns of the warehouse that hold a word, as text.
func (in *installationUnderTest) columnsWith(word string) (found []string) {
	in.t.Helper()
	db := in.openWarehouse()
	rows, err := db.Conn().Query(in.t.Context(), "SELECT table, name FROM system.columns WHERE database = currentDatabase() OR database = ?", in.ClickHouse.Database)
	if err != nil {
		in.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			in.t.Fatal(err)
		}
		if n := in.counted(fmt.Sprintf("SELECT count() FROM %s.`%s` WHERE position(toString(`%s`), '%s') > 0", in.ClickHouse.Database, table, column, word)); n > 0 {
			found = append(found, table+"."+column)
		}
	}
	if err := rows.Err(); err != nil {
		in.t.Fatal(err)
	}
	return found
}

func (in *installationUnderTest) openWarehouse() *warehouse.DB {
	in.t.Helper()
	db, err := warehouse.Open(in.t.Context(), warehouse.Config{URL: in.ClickHouse.URL, User: in.ClickHouse.User, Password: in.ClickHouse.Password, Database: in.ClickHouse.Database})
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { _ = db.Close() })
	return db
}

func (in *installationUnderTest) counted(query string) (n uint64) {
	in.t.Helper()
	if err := in.openWarehouse().Conn().QueryRow(in.t.Context(), query).Scan(&n); err != nil {
		in.t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (in *installationUnderTest) wantNoFile(word string) {
	in.t.Helper()
	err := filepath.WalkDir(in.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // What goes away under our feet was a merge's.
		}
		raw, err := os.ReadFile(path)
		if err == nil && bytes.Contains(raw, []byte(word)) {
			in.t.Errorf("it stands in clear in %s", path)
		}
		return nil
	})
	if err != nil {
		in.t.Fatal(err)
	}
}
