package config

// NamedFile is a file on the unit that the configuration names for a store or the broker.
type NamedFile struct {
	Name   string
	Secret bool
}

// NamedFiles returns these files, in the configuration's order.
func (c *Config) NamedFiles() (files []NamedFile) {
	add := func(name string, secret bool) {
		if name != "" {
			files = append(files, NamedFile{name, secret})
		}
	}
	for _, s := range c.Stores {
		add(s.Key, true)
		add(s.KnownHosts, false)
		add(s.AccessKeyFile, true)
		add(s.SecretKeyFile, true)
		add(s.CA, false)
	}
	if m := c.MQTT; m != nil {
		add(m.PasswordFile, true)
		add(m.CA, false)
		add(m.Cert, false)
		add(m.ClientKey, true)
	}
	return files
}
