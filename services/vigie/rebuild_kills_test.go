//go:build !long

package main

// rebuildKills is how often a rebuild is killed in `make test`.
const rebuildKills = 3
