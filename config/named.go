package config

import "fmt"

// Recipients reads public keys as [encrypt] recipients takes them: each is a key, or the name of a
// file of them, from the folder in which the command runs. Classic and post-quantum ones may stand
// together here: over the years an office may have had both.
//
// The error, if any, is of type Errors.
func Recipients(named []string) ([]string, error) {
	c := &checker{file: "recipients"}
	k := &keyring{c: c, seen: map[string]recipient{}}
	for _, s := range named {
		k.take(s, Problem{File: c.file})
	}
	if len(k.list) > maxRecipients {
		c.fail(0, "", fmt.Sprintf("there are more than %d", maxRecipients), "name fewer")
	}
	if len(c.errors.list) > 0 {
		return nil, c.errors.sorted(c.file)
	}
	var keys []string
	for _, r := range k.list {
		keys = append(keys, r.key)
	}
	return keys, nil
}
