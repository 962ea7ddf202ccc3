package load

import "strings"

// DataBytes is the size of an event's data, that of the figures in the peers' benchmarks.
const DataBytes = 1024

// Data is the data of every event: a sales order with its items, JSON of DataBytes bytes.
func Data() string {
	const (
		before = `{"SalesOrder":"5000123","SalesOrderType":"OR","SoldToParty":"17100001","TotalNetAmount":117.50,"Currency":"EUR","Complete":false,"Items":[`
		item   = `{"Item":10,"Material":"TG11","Quantity":2,"Unit":"PC","NetAmount":8.75,"Plant":"1710"}`
		middle = `],"Note":"`
		after  = `"}`
		items  = 8
	)
	all := before + strings.Repeat(item+",", items-1) + item + middle
	return all + strings.Repeat("x", DataBytes-len(all)-len(after)) + after
}
