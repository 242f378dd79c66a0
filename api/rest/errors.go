package rest

// Error is the body of every answer outside 2xx.
type Error struct {
	Code       int         `json:"code" doc:"The HTTP status again."`
	Message    string      `json:"message" doc:"What is wrong, for people."`
	Violations []Violation `json:"violations,omitempty" doc:"Each field of the request that is wrong."`
	// Exception repeats the message where the original answers
	// {"exception":{"message":...}} (/status, /version/schema).
	Exception *Exception `json:"exception,omitempty" doc:"The message again, where the original has it: what Cassandra said, or why it did not."`
}

// Exception is the original's form of an error in /status.
type Exception struct {
	Message string `json:"message" doc:"What is wrong."`
}

// Violation is one field of a request that breaks a rule.
type Violation struct {
	Field   string `json:"field" doc:"Path of the field as a client writes it, such as import.sourceDir."`
	Message string `json:"message" doc:"What is wrong with it."`
}

// Error makes an answer an error of Go.
func (e *Error) Error() string { return e.Message }
