package deploy

import "fmt"

func ExampleReadCloudFoundry() {
	_, err := ReadCloudFoundry([]byte("version: 1\napplications:\n- name: publish-sns\n  health-check-endpoint: /\n"), nil)
	fmt.Println(err)
	// Output:
	// read manifest: yaml: unmarshal errors:
	//   line 4: field health-check-endpoint not found in type deploy.Application
}
