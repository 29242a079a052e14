package topictest

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// platform says which keys a kind of component needs, and which else it may have.
type platform struct {
	needs, may []string
	classes    []string // device classes; nil: it has none
	entity     bool
}

// common are the keys of every entity.
var common = []string{"platform", "unique_id", "name", "icon", "qos", "encoding", "entity_category",
	"enabled_by_default", "default_entity_id", "entity_picture", "availability_topic", "availability", "availability_mode",
	"availability_template", "payload_available", "payload_not_available", "json_attributes_topic",
	"json_attributes_template"}

var platforms = map[string]platform{
	"sensor": {entity: true, needs: []string{"state_topic"}, classes: slices.Collect(maps.Keys(sensorUnits)),
		may: []string{"device_class", "state_class", "unit_of_measurement", "suggested_display_precision", "options",
			"value_template", "expire_after", "force_update", "last_reset_value_template"}},
	"binary_sensor": {entity: true, needs: []string{"state_topic"},
		classes: []string{"battery", "battery_charging", "carbon_monoxide", "cold", "connectivity", "door", "garage_door",
			"gas", "heat", "light", "lock", "moisture", "motion", "moving", "occupancy", "opening", "plug", "power", "presence",
			"problem", "running", "safety", "smoke", "sound", "tamper", "update", "vibration", "window"},
		may: []string{"device_class", "value_template", "payload_on", "payload_off", "off_delay", "expire_after",
			"force_update"}},
	"event": {entity: true, needs: []string{"state_topic", "event_types"},
		classes: []string{"button", "doorbell", "motion"}, may: []string{"device_class", "value_template"}},
	"switch": {entity: true, needs: []string{"command_topic"}, classes: []string{"outlet", "switch"},
		may: []string{"device_class", "state_topic", "value_template", "payload_on", "payload_off", "optimistic", "retain"}},
	"device_automation": {needs: []string{"automation_type", "topic", "type", "subtype"},
		may: []string{"payload", "value_template", "qos"}},
}

// sensorUnits are the units of each class of sensor that is known here; none: it has no unit.
var sensorUnits = map[string][]string{
	"enum": {}, "timestamp": {}, "date": {},
	"duration":    {"d", "h", "min", "s", "ms", "µs"},
	"temperature": {"°C", "°F", "K"},
	"humidity":    {"%"}, "battery": {"%"},
	"data_size": {"bit", "kbit", "Mbit", "Gbit", "B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB", "KiB", "MiB", "GiB",
		"TiB", "PiB", "EiB", "ZiB", "YiB"},
}

// checkComponent checks a component with the defaults of the root.
func checkComponent(own, defaults map[string]any, base string) error {
	name, ok := own["platform"].(string)
	p, known := platforms[name]
	switch {
	case !ok:
		return errors.New("it has no platform")
	case !known:
		return fmt.Errorf("the platform %s is unknown", name)
	case len(own) == 1:
		return nil // it is being removed
	case p.entity && own["unique_id"] == nil:
		return errors.New("it has no unique_id")
	case own["object_id"] != nil:
		return errors.New("object_id is no longer accepted")
	}
	all := maps.Clone(own)
	for key, value := range defaults {
		if _, set := own[key]; !set {
			all[key] = value
		}
	}
	for _, key := range p.needs {
		if all[key] == nil {
			return fmt.Errorf("it has no %s", key)
		}
	}
	for key, value := range own {
		if !slices.Contains(p.needs, key) && !slices.Contains(p.may, key) && key != "platform" &&
			(!p.entity || !slices.Contains(common, key)) {
			return fmt.Errorf("a %s has no %s", name, key)
		}
		if err := checkValue(name, key, value, base); err != nil {
			return err
		}
	}
	if all["availability"] != nil && all["availability_topic"] != nil {
		return errors.New("it has both availability and availability_topic")
	}
	if class, has := own["device_class"]; has && class != nil {
		if text, is := class.(string); !is || !slices.Contains(p.classes, text) {
			return fmt.Errorf("a %s has no class %v", name, class)
		}
	}
	if name == "sensor" {
		return checkSensor(own)
	}
	return nil
}

// checkValue checks the form of one value.
func checkValue(platform, key string, value any, base string) error {
	wrong := fmt.Errorf("%s can't be %v", key, value)
	text, isText := value.(string)
	number, isNumber := value.(float64)
	whole := isNumber && number == math.Trunc(number) && number >= 0
	_, isBool := value.(bool)
	list, isList := value.([]any)
	var ok bool
	switch key {
	case "qos":
		ok = whole && number <= 2
	case "suggested_display_precision", "expire_after", "off_delay":
		ok = whole
	case "enabled_by_default", "force_update", "optimistic", "retain":
		ok = isBool
	case "options", "event_types":
		ok = isList && allText(list)
	case "availability":
		ok = isList
	case "name":
		ok = value == nil || isText
	case "entity_category":
		// What only shows can't be a setting.
		ok = text == "diagnostic" || text == "config" && platform != "sensor" && platform != "binary_sensor"
	case "icon":
		ok = iconForm.MatchString(text)
	case "state_class":
		ok = slices.Contains([]string{"measurement", "measurement_angle", "total", "total_increasing"}, text)
	case "availability_mode":
		ok = text == "all" || text == "any" || text == "latest"
	case "default_entity_id":
		ok = strings.HasPrefix(text, platform+".") && len(text) > len(platform)+1
	case "automation_type":
		ok = text == "trigger"
	default:
		ok = isText && text != ""
		if strings.HasSuffix(key, "topic") {
			ok = ok && topicForm.MatchString(resolve(text, base))
		}
		if strings.HasSuffix(key, "_template") {
			ok = ok && strings.Count(text, "{{") == strings.Count(text, "}}") &&
				strings.Count(text, "{%") == strings.Count(text, "%}")
		}
	}
	if !ok {
		return wrong
	}
	return nil
}

// checkSensor checks what goes together.
func checkSensor(c map[string]any) error {
	class, _ := c["device_class"].(string)
	unit, hasUnit := c["unit_of_measurement"].(string)
	_, hasState := c["state_class"]
	_, hasOptions := c["options"]
	units, limited := sensorUnits[class]
	switch {
	case hasOptions != (class == "enum"):
		return errors.New("options belong to the class enum, and the other way round")
	case limited && len(units) == 0 && (hasUnit || hasState):
		return fmt.Errorf("the class %s has neither unit nor state class", class)
	case limited && len(units) > 0 && !slices.Contains(units, unit):
		return fmt.Errorf("the class %s has no unit %q", class, unit)
	}
	return nil
}
