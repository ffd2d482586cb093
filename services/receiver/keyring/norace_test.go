//go:build !race

package keyring

// raceDetector tells tests that all they do takes ten times as long.
const raceDetector = false
