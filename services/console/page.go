package console

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

// dist is what the front end's build wrote; only .keep before it was built.
//
//go:embed all:web/dist
var dist embed.FS

//go:embed notbuilt.html
var notBuilt []byte

// page serves the web page out of memory, compressed once.
type page struct {
	files map[string]file
}

type file struct {
	raw, gz []byte
	kind    string
	// hashed names never change their content.
	hashed bool
}

func newPage() (*page, error) {
	p := &page{files: map[string]file{}}
	err := fs.WalkDir(dist, "web/dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Base(name) == ".keep" {
			return err
		}
		raw, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		url := strings.TrimPrefix(name, "web/dist")
		f, err := newFile(url, raw)
		p.files[url] = f
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the embedded page: %w", err)
	}
	if _, ok := p.files["/index.html"]; !ok {
		p.files["/index.html"] = file{raw: notBuilt, kind: "text/html; charset=utf-8"}
	}
	return p, nil
}

func newFile(url string, raw []byte) (file, error) {
	f := file{raw: raw, kind: mime.TypeByExtension(path.Ext(url)), hashed: strings.HasPrefix(url, "/assets/")}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(raw)
		err = errors.Join(err, z.Close())
	}
	if b.Len() < len(raw) {
		f.gz = b.Bytes()
	}
	return f, err
}

// Page serves the web page; mount it at "/".
func (c *Console) Page() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		url := r.URL.Path
		if url == "/" || url == "/dashboards" || strings.HasPrefix(url, "/dashboards/") {
			url = "/index.html" // one page, which looks at its address
		}
		f, ok := c.page.files[url]
		if !ok {
			problem.Write(w, r, problem.New(problem.NotFound, "nothing is at "+r.URL.Path))
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			problem.Write(w, r, problem.New(problem.MethodMissing, r.Method+" "+r.URL.Path))
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("Vary", "Accept-Encoding")
		if f.hashed {
			h.Set("Cache-Control", "private, max-age=31536000, immutable")
		}
		body := f.raw
		if f.gz != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = f.gz
		}
		h.Set("Content-Length", fmt.Sprint(len(body)))
		// A client that went away is the only way this can fail.
		_, _ = w.Write(body)
	})
}
