package textfile

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/pelletier/go-toml/v2"
)

// ErrUnknownKey is wrapped by TOML's error for a key that v has no field for.
var ErrUnknownKey = errors.New("unknown key")

// TOML decodes data into v, which has a field for every key. An error says the line.
func TOML(data []byte, v any) error {
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(v)
	var strict *toml.StrictMissingError
	var bad *toml.DecodeError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		line, _ := strict.Errors[0].Position()
		return fmt.Errorf("line %d: %w", line, ErrUnknownKey)
	case errors.As(err, &bad):
		line, column := bad.Position()
		return fmt.Errorf("line %d, column %d: %s", line, column, bad.Error())
	}
	return err
}
