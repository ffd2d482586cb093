package queries

// Part is the text of parts/name.sql, with the parts in it.
func Part(name string) string { return withParts("{" + name + "}") }
