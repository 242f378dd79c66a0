package rest

// Error is the body of every answer outside 2xx.
type Error struct {
	// Code repeats the HTTP status.
	Code    int    `json:"code"`
	Message string `json:"message"`
	// Violations name each field of the request that is wrong.
	Violations []Violation `json:"violations,omitempty"`
	// Exception repeats the message where the original answers
	// {"exception":{"message":...}} (/status, /version/schema).
	Exception *Exception `json:"exception,omitempty"`
}

// Exception is the original's form of an error in /status.
type Exception struct {
	Message string `json:"message"`
}

// Violation is one field of a request that breaks a rule.
type Violation struct {
	// Field is the path of the field as the client writes it, such as "import.sourceDir".
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Error makes an answer an error of Go.
func (e *Error) Error() string { return e.Message }
