package topictest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The documentation shows a device with abbreviated keys and two sensors, one with a trigger and a
// sensor that has only a topic, one that is removed in part, and one that takes commands below a base
// topic. These are the same, with our values.
var documented = map[string]string{
	"abbreviated": `{"dev":{"ids":"ea33","name":"Kitchen","mf":"M","mdl":"x","sw":"1.0","sn":"ea33","hw":"1.0rev2"},
		"o":{"name":"bridge","sw":"2.1","url":"https://bridge.example.com/support"},
		"cmps":{"one":{"p":"sensor","device_class":"temperature","unit_of_measurement":"°C",
			"value_template":"{{ value_json.temperature }}","unique_id":"one_t"},
		"two":{"p":"sensor","device_class":"humidity","unit_of_measurement":"%",
			"value_template":"{{ value_json.humidity }}","unique_id":"one_h"}},
		"state_topic":"bedroom/state","qos":2}`,
	"trigger": `{"device":{"identifiers":["0AFF"]},"origin":{"name":"bridge"},"components":{
		"one":{"platform":"device_automation","automation_type":"trigger","payload":"short_press","topic":"button/1",
			"type":"button_short_press","subtype":"button_1"},
		"two":{"platform":"sensor","state_topic":"sensor/1","unique_id":"s1"}}}`,
	"removed": `{"dev":{"ids":"ea33"},"o":{"name":"bridge"},"cmps":{"one":{"p":"sensor"},
		"two":{"p":"binary_sensor","device_class":"motion","unique_id":"m","stat_t":"garden/state"}}}`,
	"base": `{"~":"irrigation","dev":{"cns":[["mac","02:5b:26:a8:dc:12"]],"cu":"http://192.0.2.7/"},"o":{"name":"bridge"},
		"cmps":{"one":{"p":"switch","name":null,"cmd_t":"~/set","stat_t":"~/state","uniq_id":"i","def_ent_id":"switch.garden"}}}`,
}

func TestTheDocumentationsExamplesPass(t *testing.T) {
	for name, text := range documented {
		if err := CheckHomeAssistant([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGoldenDescriptionsPass(t *testing.T) {
	files, err := filepath.Glob("../testdata/device*.json")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckHomeAssistant(text); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// Each rule refuses something.
func TestHomeAssistantsRules(t *testing.T) {
	const good = `{"device":{"identifiers":["a"]},"origin":{"name":"b"},"qos":1,"components":{"x":{"platform":"sensor",` +
		`"unique_id":"u","state_topic":"t","device_class":"duration","unit_of_measurement":"h","state_class":"measurement"}}}`
	if err := CheckHomeAssistant([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`{"device":{"identifiers":["a"]},`, `{`}, {`{"identifiers":["a"]}`, `{"name":"x"}`}, {`["a"]`, `[]`}, {`["a"]`, `7`},
		{`"identifiers":["a"]`, `"identifiers":["a"],"colour":"red"`},
		{`"identifiers":["a"]`, `"identifiers":["a"],"configuration_url":"ftp://x"`},
		{`"identifiers":["a"]`, `"connections":[["mac"]]`},
		{`"origin":{"name":"b"},`, ``}, {`{"name":"b"}`, `{"sw_version":"1"}`}, {`{"name":"b"}`, `{"name":"b","x":"y"}`},
		{`"qos":1`, `"colour":1`}, {`"qos":1`, `"object_id":"x"`}, {`"components":{"x":`, `"components":{},"x":{"x":`},
		{`"platform":"sensor",`, ``}, {`"platform":"sensor"`, `"platform":"lamp"`}, {`"unique_id":"u",`, ``},
		{`"unique_id":"u"`, `"unique_id":"u","object_id":"x"`}, {`"state_topic":"t",`, ``}, {`"t"`, `"t/#"`},
		{`"unique_id":"u"`, `"unique_id":"u","default_entity_id":"event.x"`}, {`"duration"`, `"lengthiness"`}, {`"h"`, `"hours"`},
		{`"unit_of_measurement":"h",`, ``}, {`"measurement"`, `"sometimes"`}, {`"duration"`, `"timestamp"`},
		{`"unique_id":"u"`, `"unique_id":"u","options":["a"]`}, {`"duration"`, `"enum"`},
		{`"unique_id":"u"`, `"unique_id":"u","command_topic":"c"`}, {`"unique_id":"u"`, `"unique_id":"u","qos":3`},
		{`"unique_id":"u"`, `"unique_id":"u","entity_category":"config"`}, {`"unique_id":"u"`, `"unique_id":"u","icon":"wrench"`},
		{`"unique_id":"u"`, `"unique_id":"u","value_template":"{{ x"`},
		{`"unique_id":"u"`, `"unique_id":"u","availability":[{"topic":"a"}],"availability_topic":"b"`},
		{`"unique_id":"u"`, `"unique_id":"u","enabled_by_default":"no"`},
		{`"x":{`, `"y":{"platform":"event","unique_id":"e","state_topic":"t"},"x":{`},
		{`"x":{`, `"y":{"platform":"binary_sensor","unique_id":"u","state_topic":"t"},"x":{`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good || CheckHomeAssistant([]byte(bad)) == nil {
			t.Errorf("%s passes", bad)
		}
	}
}
