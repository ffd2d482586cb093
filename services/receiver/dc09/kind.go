package dc09

// String is the kind's name in the tables of codes and in what programs read:
// "alarm", "arm-part". Stable, in kebab case.
func (k Kind) String() string { return kindTags[k] }
