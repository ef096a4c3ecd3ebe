// The guest of the measure `languages`, in Go.
//
//	GET /go/hello   hello world
//	GET /go/rows    a table of 100 rows as JSON, made for each request
package main

import (
	"fmt"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
)

const rowCount = 100

type row struct {
	ID    int      `json:"id"`
	Name  string   `json:"name"`
	Price float64  `json:"price"`
	Tags  []string `json:"tags"`
}

func init() {
	snow.Route("GET", "/go/hello", hello)
	snow.Route("GET", "/go/rows", rows)
}

func hello(*snow.Request) (snow.Outcome, error) {
	return snow.Text("hello world"), nil
}

func rows(*snow.Request) (snow.Outcome, error) {
	table := make([]row, rowCount)
	for id := range table {
		name, shelf := fmt.Sprintf("item %d", id), fmt.Sprintf("shelf %d", id%7)
		table[id] = row{id, name, float64(id) + 0.5, []string{"new", shelf}}
	}
	return snow.JSON(map[string][]row{"rows": table})
}

// main must exist, and is never called.
func main() {}
