package report

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/open-vigie/vigie/services/warehouse/engine"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

// typed: ClickHouse reads the Parquet file as the rows that the report has.
func typed(t *testing.T, r *SLA) {
	t.Helper()
	var file bytes.Buffer
	if err := r.WriteParquet(&file, Tables[0]); err != nil {
		t.Fatal(err)
	}
	engine := enginetest.Shared(t)
	const columns = "`from` DateTime64(3, 'UTC'), `to` DateTime64(3, 'UTC'), `group` String, class String, incidents UInt64, share_first Float64, misses UInt64, met Bool, p50_ms Nullable(Int64), max_ms Nullable(Int64)"
	post(t, engine, "CREATE TABLE vigie.answers ("+columns+") ENGINE = Memory", nil)
	t.Cleanup(func() { post(t, engine, "DROP TABLE vigie.answers", nil) })
	post(t, engine, "INSERT INTO vigie.answers FORMAT Parquet", file.Bytes())
	got := post(t, engine, "SELECT toUnixTimestamp64Milli(`from`), class, incidents, misses, met, max_ms FROM vigie.answers FORMAT TSV", nil)
	var want strings.Builder
	for _, a := range r.Answers {
		fmt.Fprintf(&want, "%d\t%s\t%d\t%d\t%t\t%d\n", r.From.UnixMilli(), a.Class, a.Incidents, a.Misses, a.Met, *a.MaxMS)
	}
	if got != want.String() {
		t.Errorf("ClickHouse reads the Parquet file as\n%s\nwant\n%s", got, want.String())
	}
}

// onPaper: pypdf reads the words of the PDF, in both languages, and the same report
// gives the same bytes.
func onPaper(t *testing.T, r *SLA) {
	t.Helper()
	for lang, words := range map[string][]string{
		"en": {"Service report", "Answer times", "Intrusion", "User error", "Communication lost", "Europe/Paris", "1 / "},
		"fr": {"Rapport de service", "Délais de réponse", "Intrusion", "Erreur utilisateur", "Site injoignable", "Agression", "dépassés"},
	} {
		var file, again bytes.Buffer
		if err := r.WritePDF(&file, lang); err != nil {
			t.Fatal(err)
		}
		if err := r.WritePDF(&again, lang); err != nil || !bytes.Equal(file.Bytes(), again.Bytes()) {
			t.Errorf("the same report gives another PDF (%v)", err)
		}
		keep(t, "report-"+lang+".pdf", file.Bytes())
		out := textOf(t, file.Bytes())
		for _, word := range words {
			if !strings.Contains(out, word) {
				t.Errorf("the PDF in %q does not say %q:\n%s", lang, word, out)
			}
		}
	}
}

// keep leaves a file to look at, where REPORTS says.
func keep(t *testing.T, name string, file []byte) {
	t.Helper()
	if dir := os.Getenv("REPORTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), file, 0o600); err != nil {
			t.Error(err)
		}
	}
}

// textOf is what pypdf reads of a PDF.
func textOf(t *testing.T, file []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.pdf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(context.Background(), "../../.tools/venv/bin/python", "-c",
		"import sys, pypdf\nfor page in pypdf.PdfReader(sys.argv[1], strict=True).pages: print(page.extract_text())", path).CombinedOutput()
	if err != nil {
		t.Fatalf("pypdf: %v; run `make setup`\n%s", err, out)
	}
	return string(out)
}

// readParquet is the names of a file's columns and how many rows it has, as parquet-go
// reads it without knowing what it holds.
func readParquet(t *testing.T, file []byte) (columns []string, rows int) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Root().Columns() {
		columns = append(columns, c.Name())
	}
	return columns, int(f.NumRows())
}

// post runs a statement with the bytes that it takes.
func post(t *testing.T, l *engine.Local, statement string, body []byte) string {
	t.Helper()
	address, user, password := l.Endpoint()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, address+"/?query="+url.QueryEscape(statement), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(user, password)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s", statement, resp.Status, said)
	}
	return string(said)
}
