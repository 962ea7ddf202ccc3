package aws

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
)

// cloudWatchVersion is the only API version, cloudWatchTarget what the JSON protocol's X-Amz-Target begins with.
const (
	cloudWatchVersion = "2010-08-01"
	cloudWatchTarget  = "GraniteServiceVersion20100801."
	rolesAnywhereSums = "AWS/RolesAnywhere"
	queueSums         = "AWS/SQS"
)

// failuresPattern are the queries over what Roles Anywhere counts.
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/monitoring-cloudwatch.html
var failuresPattern = regexp.MustCompile(`^SELECT SUM\((Success|Failure)\) FROM "AWS/RolesAnywhere"$`)

// alarmProperties are those of AWS::CloudWatch::Alarm and the members of PutMetricAlarm.
type alarmProperties struct {
	AlarmName          string            `json:",omitempty"`
	AlarmDescription   string            `json:",omitempty"`
	Namespace          string            `json:",omitempty"`
	MetricName         string            `json:",omitempty"`
	Dimensions         []metricDimension `json:",omitempty"`
	Statistic          string            `json:",omitempty"`
	Period             *number           `json:",omitempty"`
	Metrics            []metricQuery     `json:",omitempty"`
	EvaluationPeriods  *number           `json:",omitempty"`
	Threshold          *number           `json:",omitempty"`
	ComparisonOperator string            `json:",omitempty"`
	TreatMissingData   string            `json:",omitempty"`
	AlarmActions       []string          `json:",omitempty"`
}

type metricDimension struct{ Name, Value string }

type metricQuery struct {
	ID         string  `json:"Id"`
	Expression string  `json:",omitempty"`
	Period     *number `json:",omitempty"`
	ReturnData *flag   `json:",omitempty"`
}

// Alarms are the names of the alarms, sorted. They are described, not evaluated: nothing here counts.
func (s *Server) Alarms() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.alarms))
}

// putAlarm makes an alarm or replaces it.
func (s *Server) putAlarm(p alarmProperties) error {
	if err := p.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range p.Dimensions {
		if p.Namespace == queueSums && s.queues[s.arn(serviceSQS, d.Value)] == nil {
			return fmt.Errorf("there is no queue %s, so that nothing would ever count", d.Value)
		}
		if p.Namespace == rolesAnywhereSums && s.anchors[d.Value] == nil {
			return fmt.Errorf("there is no trust anchor %s, so that nothing would ever count", d.Value)
		}
	}
	for _, arn := range p.AlarmActions {
		if s.topics[arn] == nil {
			return fmt.Errorf("the action %s is no topic that exists", arn)
		}
	}
	if s.alarms == nil {
		s.alarms = make(map[string]alarmProperties)
	}
	s.alarms[p.AlarmName] = p
	return nil
}

// deleteAlarm removes an alarm; that it does not exist is no error.
func (s *Server) deleteAlarm(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.alarms, name)
}

// check checks what an alarm is about: a figure that Roles Anywhere publishes, or how many messages wait in a queue, and no other.
// Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
// Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
func (p alarmProperties) check() error {
	comparisons := []string{"GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"}
	missing := []string{"", "breaching", "notBreaching", "ignore", "missing"}
	period := p.Period
	switch {
	case p.AlarmName == "" || len(p.AlarmName) > 255:
		return fmt.Errorf("AlarmName must have 1 to 255 characters")
	case !slices.Contains(comparisons, p.ComparisonOperator):
		return fmt.Errorf("ComparisonOperator must be one of %v", comparisons)
	case !slices.Contains(missing, p.TreatMissingData):
		return fmt.Errorf("TreatMissingData must be one of %v", missing[1:])
	case p.EvaluationPeriods == nil || *p.EvaluationPeriods < 1 || p.Threshold == nil:
		return fmt.Errorf("EvaluationPeriods and Threshold must be there")
	case (p.MetricName == "") == (len(p.Metrics) == 0):
		return fmt.Errorf("exactly one of MetricName and Metrics must be there")
	case p.MetricName != "":
		dimension := map[string]string{rolesAnywhereSums + " DaysToExpiry": "TrustAnchorArn", queueSums + " ApproximateNumberOfMessagesVisible": "QueueName"}[p.Namespace+" "+p.MetricName]
		if dimension == "" || len(p.Dimensions) != 1 || p.Dimensions[0].Name != dimension {
			return fmt.Errorf("metric %s of %s with these dimensions is not here; DaysToExpiry of %s by TrustAnchorArn and ApproximateNumberOfMessagesVisible of %s by QueueName are",
				p.MetricName, p.Namespace, rolesAnywhereSums, queueSums)
		}
		if !slices.Contains([]string{"Minimum", "Maximum", "Average"}, p.Statistic) {
			return fmt.Errorf("statistic %q says nothing of days, nor of messages that wait", p.Statistic)
		}
	default:
		q := p.Metrics[0]
		if len(p.Metrics) > 1 || !failuresPattern.MatchString(q.Expression) || q.ID == "" || !q.ReturnData.on(true) {
			return fmt.Errorf("the Metrics must be one query that returns Success or Failure of %s", rolesAnywhereSums)
		}
		if p.Namespace != "" || p.Statistic != "" || p.Period != nil || len(p.Dimensions) > 0 {
			return fmt.Errorf("what a metric has must be in its query")
		}
		period = q.Period
	}
	if period == nil || *period < 60 || int(*period)%60 != 0 || int(*period)*int(*p.EvaluationPeriods) > 7*24*3600 {
		return fmt.Errorf("the period must be a multiple of 60 s, and all periods a week at most")
	}
	return nil
}

// cloudWatch answers a request that was signed for CloudWatch: PutMetricAlarm, in the query protocol or as JSON.
func (s *Server) cloudWatch(c *call) *answer {
	if r := s.administer(c, "cloudwatch:"+c.claim.Action, s.arn("cloudwatch", "alarm:*")); r != nil {
		return s.refuse(c, r)
	}
	invalid := func(text string) *answer {
		return s.refuse(c, &refusal{status: http.StatusBadRequest, code: "ValidationError", text: "stand-in: " + text})
	}
	if c.claim.Action != "PutMetricAlarm" || c.Method != http.MethodPost {
		return s.refuse(c, &refusal{status: http.StatusBadRequest, code: "InvalidAction", text: "stand-in: only PutMetricAlarm is here"})
	}
	body := c.body
	if c.isQuery() {
		if r := c.checkQuery(cloudWatchVersion); r != nil {
			return s.refuse(c, r)
		}
		body = marshalJSON(c.form.tree())
	}
	var p alarmProperties
	if err := decodeMembers(body, &p); err != nil {
		return invalid(err.Error())
	}
	if err := s.putAlarm(p); err != nil {
		return invalid(err.Error())
	}
	c.effect = "alarm put"
	if c.isQuery() {
		return xmlAnswer(c, nil)
	}
	return &answer{status: http.StatusOK, contentType: contentJSON10, header: make(http.Header), body: []byte("{}")}
}
