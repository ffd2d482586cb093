package auth

import (
	"encoding/json"
	"net/http"
)

// me tells the page who is signed in.
func me(w http.ResponseWriter, r *http.Request) {
	u := UserOf(r.Context())
	w.Header().Set("Content-Type", "application/json")
	// A client that went away is the only way this can fail.
	_ = json.NewEncoder(w).Encode(map[string]string{"name": u.Name, "role": u.Role})
}
