package hours

import (
	"archive/zip"
	"crypto/sha256"
	_ "embed"
	"io"
	"strings"
	"time"
)

// zoneinfoZip is the IANA data that schedules are read by. It is carried with
// the fold, not taken from the machine: the same history must give the same
// bytes everywhere, so it is part of the fold's version.
//
//go:embed zoneinfo.zip
var zoneinfoZip string

// DataSum is SHA-256 over the zone data: another one may move an opening.
func DataSum() [sha256.Size]byte { return sha256.Sum256([]byte(zoneinfoZip)) }

// Zones keeps the zones read so far. One goroutine at a time uses it.
type Zones struct {
	zones map[string]*time.Location
}

// Zone is the IANA zone of this name; nil for "" and for a name that IANA does
// not know, which a declaration is refused for.
func (z *Zones) Zone(name string) *time.Location {
	if loc, ok := z.zones[name]; ok {
		return loc
	}
	loc := loadZone(name)
	if loc != nil {
		if z.zones == nil {
			z.zones = map[string]*time.Location{}
		}
		z.zones[name] = loc
	}
	return loc
}

func loadZone(name string) *time.Location {
	if name == "" {
		return nil
	}
	archive, err := zip.NewReader(strings.NewReader(zoneinfoZip), int64(len(zoneinfoZip)))
	if err != nil {
		return nil
	}
	file, err := archive.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(file)
	if err != nil {
		return nil
	}
	loc, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		return nil
	}
	return loc
}
