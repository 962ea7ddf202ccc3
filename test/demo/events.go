package main

// sapEvent is a request as one of SAP's systems makes it. Shapes follow SAP's published events; ids, names and numbers are
// ours.
type sapEvent struct {
	sender, form string
	header       map[string]string
	body         string
	ids          []string
}

func sapEvents() []sapEvent {
	return []sapEvent{
		{
			sender: "S/4HANA Cloud by Advanced Event Mesh", form: "structured",
			header: map[string]string{"Content-Type": "application/cloudevents+json"},
			body: `{"specversion":"1.0","type":"sap.s4.beh.businesspartner.v1.BusinessPartner.Changed.v1",` +
				`"source":"/default/sap.s4.beh/731904412","id":"3f0c9d52-6b1e-1fd1-a0c4-7a52c1e0b9d7","time":"2026-10-05T06:41:17Z",` +
				`"datacontenttype":"application/json","data":{"BusinessPartner":"2004719"}}`,
			ids: []string{"3f0c9d52-6b1e-1fd1-a0c4-7a52c1e0b9d7"},
		},
		{
			sender: "S/4HANA by Event Mesh", form: "structured, under application/json",
			header: map[string]string{
				"Content-Type": "application/json",
				"X-Address":    "topic:default/sap.s4.beh/TB1CLNT200/ce/sap/s4/beh/salesorder/v1/SalesOrder/Changed/v1",
			},
			body: `{"specversion":"1.0","type":"sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1","source":"/default/sap.s4.beh/TB1CLNT200",` +
				`"id":"51aa07c3-9d40-1fd1-a1e8-c2b0d46f7e35","time":"2026-10-05T06:42:03Z","datacontenttype":"application/json",` +
				`"data":{"SalesOrder":"7000412","SalesOrderType":"OR","SoldToParty":"17100009","TotalNetAmount":12345678901234567890.10}}`,
			ids: []string{"51aa07c3-9d40-1fd1-a1e8-c2b0d46f7e35"},
		},
		{
			sender: "CAP by Kyma", form: "binary",
			header: map[string]string{
				"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": "0e2c7d5b-71a4-4f3e-b9b6-5d1c3a7f2e64",
				"Ce-Source": "webshop", "Ce-Type": "order.received.v1", "Ce-Time": "2026-10-05T08:20:00Z",
				"Traceparent": "00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f7081-01",
			},
			body: `{"orderCode":"4711"}`,
			ids:  []string{"0e2c7d5b-71a4-4f3e-b9b6-5d1c3a7f2e64"},
		},
		{
			sender: "a CloudEvents client", form: "batch of two",
			header: map[string]string{"Content-Type": "application/cloudevents-batch+json"},
			body: `[{"specversion":"1.0","type":"nordwind.orders.Order.Created.v1","source":"/eu10/nordwind.orders/9d3be6f2","id":"o-1",` +
				`"subject":"Bestellung 2026/0817","data":{"order":817}},{"specversion":"1.0","type":"nordwind.orders.Order.Cancelled.v1",` +
				`"source":"/eu10/nordwind.orders/9d3be6f2","id":"o-1","subject":"Bestellung 2026/0817"}]`,
			ids: []string{"o-1", "o-1"},
		},
	}
}
