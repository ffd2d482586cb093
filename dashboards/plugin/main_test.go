package plugin_test

import (
	"os"
	"testing"

	"github.com/open-vigie/vigie/dashboards/plugin/plugintest"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

func TestMain(m *testing.M) {
	code := enginetest.Main(m)
	plugintest.Clean()
	os.Exit(code)
}
