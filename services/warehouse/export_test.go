package warehouse

// Render is render.
var Render = render

// Statements are those of the migrations, in order.
func Statements() (list []string, err error) {
	all, err := readMigrations(migrationFiles)
	for _, m := range all {
		list = append(list, m.statements...)
	}
	return list, err
}
