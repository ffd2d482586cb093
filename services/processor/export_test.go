package processor

// NewTally makes the tests' own fold, for the tests from outside.
var NewTally = newTally
