package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestCommittedDashboardsAreTheGenerated(t *testing.T) {
	files, err := render()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("dashboards/%s is not what the generator writes: regenerate with `go run ./dashboards/generate`", name)
		}
	}
	again, err := render()
	if err != nil {
		t.Fatal(err)
	}
	for name := range files {
		if !bytes.Equal(files[name], again[name]) {
			t.Errorf("two runs give two texts of %s", name)
		}
	}
}
