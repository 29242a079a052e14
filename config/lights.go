package config

import "path/filepath"

// LoadPanel reads only buttons, lights, door and buzzer, whatever is wrong with the other sections:
// to turn the lights off, nobody's keys have to be right. The other fields are zero.
func LoadPanel(path string) (*Config, error) {
	data, err := readBytes(path)
	if err != nil {
		return nil, Errors{{File: path, What: err.Error(), Instead: "name a config file that can be read"}}
	}
	c := &checker{file: path, dir: filepath.Dir(path)}
	src, ok := newSource(data, c)
	if !ok {
		return nil, c.errors.sorted(path)
	}
	c.read(src)
	var cfg Config
	c.panel(&cfg)
	if len(c.errors.list) > 0 {
		return nil, c.errors.sorted(path)
	}
	return &cfg, nil
}
