package problem

import (
	"html/template"
	"net/http"
)

const path = "/problems/"

// kind is one type of problem. Slugs are part of the API: never renamed.
type kind struct {
	status int
	title  map[Lang]string
	advice map[Lang]string
}

func of(status int, en, fr, adviceEN, adviceFR string) kind {
	return kind{status, map[Lang]string{English: en, French: fr}, map[Lang]string{English: adviceEN, French: adviceFR}}
}

// The slugs of the types.
const (
	BadRequest      = "bad-request"
	Unauthorised    = "unauthorised"
	Forbidden       = "forbidden"
	NotFound        = "not-found"
	MethodMissing   = "method-not-allowed"
	TooLarge        = "too-large"
	MediaType       = "media-type"
	Invalid         = "invalid"
	Internal        = "internal"
	Busy            = "busy"
	KeyMissing      = "idempotency-key-missing"
	KeyReused       = "idempotency-key-reused"
	AlreadyClaimed  = "already-claimed"
	NoSuchIncident  = "no-such-incident"
	NeedsReason     = "verification-or-reason-required"
	Refused         = "act-refused"
	NoSuchAct       = "no-such-act"
	NotDurable      = "not-durable"
	ReadModelBehind = "read-model-loading"
	NoWarehouse     = "no-warehouse"
	WarehouseAway   = "warehouse-away"
	QueryTooLong    = "query-too-long"
	NoSuchQuery     = "no-such-query"
	NoSuchAccount   = "no-such-account"
	LogSlow         = "log-slow"
	EventsRefused   = "events-refused"
	EventsUnsure    = "events-not-durable"
)

var catalogue = map[string]kind{
	BadRequest:      of(400, "The request cannot be read", "La requête est illisible", "Check the syntax that the detail names.", "Vérifiez la syntaxe indiquée dans le détail."),
	Unauthorised:    of(401, "Sign in first", "Connexion requise", "Open the one-time login link that vigie up printed, or send Authorization: Bearer with the token of endpoints.json.", "Ouvrez le lien de connexion à usage unique affiché par vigie up, ou envoyez Authorization: Bearer avec le jeton de endpoints.json."),
	Forbidden:       of(403, "Not allowed", "Action non autorisée", "The request came from another site, or your account may not do this.", "La requête vient d'un autre site, ou votre compte n'y est pas autorisé."),
	NotFound:        of(404, "There is nothing here", "Introuvable", "Check the address; /api/v1/openapi.json lists what exists.", "Vérifiez l'adresse ; /api/v1/openapi.json donne la liste."),
	MethodMissing:   of(405, "This method does not exist here", "Méthode inexistante à cette adresse", "/api/v1/openapi.json lists the methods of each path.", "/api/v1/openapi.json donne les méthodes de chaque adresse."),
	TooLarge:        of(413, "The request is too large", "Requête trop volumineuse", "Send it in several parts.", "Envoyez-la en plusieurs parties."),
	MediaType:       of(415, "This media type is not understood", "Type de contenu non pris en charge", "Send application/json, or what the detail names.", "Envoyez du application/json, ou ce que le détail indique."),
	Invalid:         of(422, "A field is not valid", "Un champ n'est pas valide", "Correct the fields listed under errors.", "Corrigez les champs listés sous errors."),
	Internal:        of(500, "Vigie failed on this request", "Erreur interne de Vigie", "The log of the console says why; the request may be sent again.", "Le journal de la console en donne la cause ; la requête peut être renvoyée."),
	Busy:            of(503, "Too many requests are under way", "Trop de requêtes en cours", "Send it again after Retry-After seconds, with the same Idempotency-Key.", "Renvoyez-la après Retry-After secondes, avec la même Idempotency-Key."),
	KeyMissing:      of(400, "Idempotency-Key is missing", "En-tête Idempotency-Key absent", "Send a key of 1 to 128 visible characters, new for each act and the same when you repeat it.", "Envoyez une clé de 1 à 128 caractères visibles, nouvelle à chaque action et identique pour la répéter."),
	KeyReused:       of(422, "This Idempotency-Key was used for another request", "Cette Idempotency-Key a servi à une autre requête", "Use a new key for a new act.", "Utilisez une nouvelle clé pour une nouvelle action."),
	AlreadyClaimed:  of(409, "Someone else holds this incident", "Cet incident est déjà pris en compte", "Leave it to its holder, or ask them to release it.", "Laissez-le à la personne qui le traite, ou demandez-lui de le libérer."),
	NoSuchIncident:  of(404, "No such incident", "Incident inconnu", "It may be closed since; reload the queue.", "Il est peut-être clos depuis ; rechargez la file."),
	NeedsReason:     of(422, "A verification or a reason is needed first", "Levée de doute ou motif requis", "Record a verification, or close with a reason.", "Enregistrez une levée de doute, ou clôturez avec un motif."),
	Refused:         of(409, "The act was refused", "Action refusée", "The detail gives the reason decided by the log.", "Le détail donne le motif décidé par le journal."),
	NoSuchAct:       of(404, "No such act is remembered", "Action inconnue", "Outcomes are remembered for a day; after that, look at the incident.", "Les résultats sont gardés un jour ; ensuite, consultez l'incident."),
	NotDurable:      of(503, "The log did not confirm", "Le journal n'a pas confirmé", "Send it again with the same Idempotency-Key: it cannot take effect twice.", "Renvoyez avec la même Idempotency-Key : l'action ne peut pas compter deux fois."),
	NoWarehouse:     of(503, "No ClickHouse is configured", "Aucun ClickHouse n'est configuré", "Name one in vigie.yaml under clickhouse.url, or in VIGIE_CLICKHOUSE_URL; everything that needs no history works without.", "Indiquez-en un dans vigie.yaml, clé clickhouse.url, ou dans VIGIE_CLICKHOUSE_URL ; tout ce qui n'a pas besoin de l'historique fonctionne sans."),
	WarehouseAway:   of(503, "ClickHouse does not answer", "ClickHouse ne répond pas", "Alarms are not concerned: the log keeps them. The log of the console says why; ask again when ClickHouse is back.", "Les alarmes ne sont pas concernées : le journal les conserve. Le journal de la console en donne la cause ; redemandez quand ClickHouse est revenu."),
	QueryTooLong:    of(503, "The query takes too long", "La requête dure trop longtemps", "Ask for a shorter range of time or wider buckets.", "Demandez une période plus courte ou des intervalles plus larges."),
	NoSuchQuery:     of(404, "No query has this name", "Aucune requête ne porte ce nom", "GET /api/v1/queries lists them.", "GET /api/v1/queries en donne la liste."),
	NoSuchAccount:   of(404, "Nothing came from this account", "Rien n'est arrivé de ce compte", "Check account and line as the panel has them: zeros before an account count. What could not be read at all names no account.", "Vérifiez le compte et la ligne tels que la centrale les a : les zéros en tête comptent. Ce qui était illisible ne porte aucun compte."),
	LogSlow:         of(503, "The log does not answer in time", "Le journal ne répond pas à temps", "Alarms are not concerned. Ask for a shorter time, or again in a few seconds.", "Les alarmes ne sont pas concernées. Demandez une période plus courte, ou redemandez dans quelques secondes."),
	EventsRefused:   of(422, "No event was taken", "Aucun événement n'a été pris", "Correct what errors names; sent again as it is, it is refused again. What was sent is kept, sealed, for the administrator.", "Corrigez ce que errors indique ; renvoyé tel quel, ce sera refusé de nouveau. Ce qui a été envoyé est conservé, scellé, pour l'administrateur."),
	EventsUnsure:    of(503, "The log did not confirm every event", "Le journal n'a pas confirmé tous les événements", "Send the same request again after Retry-After seconds: what the log has already takes effect once.", "Renvoyez la même requête après Retry-After secondes : ce que le journal a déjà ne compte qu'une fois."),
	ReadModelBehind: of(503, "The console is still reading the log", "La console relit encore le journal", "Try again in a few seconds.", "Réessayez dans quelques secondes."),
}

func slugOf(status int) string {
	switch status {
	case 400:
		return BadRequest
	case 401:
		return Unauthorised
	case 403:
		return Forbidden
	case 404:
		return NotFound
	case 405:
		return MethodMissing
	case 413:
		return TooLarge
	case 406, 415:
		return MediaType
	case 422:
		return Invalid
	case 503:
		return Busy
	}
	if status < 500 {
		return BadRequest
	}
	return Internal
}

var page = template.Must(template.New("problem").Parse(`<!doctype html>
<html lang="{{.Lang}}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Title}} · Vigie</title><link rel="stylesheet" href="/login/style.css">
<main><h1>{{.Title}}</h1><p>{{.Advice}}</p><p><code>{{.Slug}}</code> · HTTP {{.Status}}</p></main></html>
`))

// Page serves /problems/{slug}: what a type means and what to do.
func Page(w http.ResponseWriter, r *http.Request) {
	slug := r.PathValue("slug")
	k, ok := catalogue[slug]
	if !ok {
		Write(w, r, New(NotFound, "no problem type is called "+slug))
		return
	}
	lang := LangOf(r.Header.Get("Accept-Language"))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// A client that went away is the only way this can fail.
	_ = page.Execute(w, struct {
		Lang                Lang
		Title, Advice, Slug string
		Status              int
	}{lang, k.title[lang], k.advice[lang], slug, k.status})
}
