import type { Choice, ChoiceName, FieldName, SiteAct } from './forms'

/** The words of forms: what the desk calls by name, as people say it. */
export interface Words {
  choice: { [N in ChoiceName]: Record<Choice<N>, string> }
  field: Record<FieldName, string>
  siteActs: Record<SiteAct, string>
  hint: Partial<Record<FieldName, string>>
  scope: Record<string, string>
}

export const frWords: Words = {
  choice: {
    means: { 'call-with-code-word': 'Appel avec mot de passe', video: 'Vidéo', 'listening-in': 'Écoute', 'guard-on-site': 'Agent sur place' },
    result: { negative: 'Négative', positive: 'Positive', inconclusive: 'Non concluante', impossible: 'Impossible' },
    outcome: {
      burglary: 'Effraction', attempt: 'Tentative', 'hold-up': 'Agression', fire: 'Incendie', 'user-error': 'Erreur utilisateur', 'technical-fault': 'Défaut technique',
      'works-or-visit': 'Travaux ou passage', 'animal-or-weather': 'Animal ou météo', 'unannounced-test': 'Essai non annoncé', 'power-cut': 'Coupure',
      undetermined: 'Indéterminée', 'on-test': 'En essai',
    },
    call_result: { reached: 'Joint', 'no-answer': 'Sans réponse', unreachable: 'Injoignable' },
    passcode: { ok: 'Correct', wrong: 'Faux', duress: 'Sous contrainte' },
    guard_step: { requested: 'Demandé', accepted: 'Accepté', refused: 'Refusé', arrived: 'Arrivé', left: 'Parti' },
    ground: { 'property-verified': 'Biens, doute levé', persons: 'Personnes', 'fire-or-rescue': 'Incendie ou secours', missing: 'Aucun motif' },
    installer_result: { rung: 'Appelé', answered: 'A répondu', refused: 'A refusé', unreachable: 'Injoignable' },
    choice: { guard: 'Envoyer un agent', wait: 'Attendre', refuse: 'Ne rien faire', 'isolate-zone': 'Isoler la zone', come: 'Il vient' },
    authenticated_how: { passcode: 'Mot de passe', 'call-back': 'Contre-appel', portal: 'Espace client', letter: 'Courrier', 'in-person': 'Sur place' },
    channel: { phone: 'Téléphone', email: 'Courriel', sms: 'SMS', portal: 'Espace client', letter: 'Courrier' },
    stage: { requested: 'Demandé', scheduled: 'Planifié', installed: 'Installé', tested: 'Testé', 'in-service': 'En service', suspended: 'Suspendu', resigned: 'Résilié' },
    step: {
      'call-site': 'Appeler le site', 'call-contact': 'Appeler le contact', video: 'Vidéo', 'listen-in': 'Écoute', 'send-guard': 'Envoyer un agent', 'call-police': 'Forces de l’ordre',
      'call-fire-or-rescue': 'Pompiers, secours', 'call-installer': 'Installateur', wait: 'Attendre', other: 'Autre',
    },
    to: { guard: 'Télésurveillance mobile', installer: 'Installateur', police: 'Forces de l’ordre', 'customer-service': 'Service client' },
  },
  field: {
    means: 'Moyen', result: 'Résultat', outcome: 'Issue', reason: 'Motif', note: 'Note', contact: 'Contact', call_result: 'Appel', passcode: 'Mot de passe', authenticated_how: 'Authentifié par',
    choice: 'Le client décide', analysis: 'Ce que vous lui avez dit', firm: 'Société', guard_step: 'Étape', ground: 'Motif d’appel', element: 'Élément concret', arrived: 'sur place', installer: 'Installateur',
    installer_result: 'Résultat', consigne: 'Consigne', not_applicable: 'inapplicable', wake_up_at_ms: 'Rappel dans', to_user: 'À', channel: 'Par', restore_owner: 'Remise en état par', by: 'Demandé par',
    steps: 'Dans cet ordre', text: 'En clair (scellé)', until_ms: 'Pendant', from_ms: 'À partir de', user_code: 'Code', person: 'Personne (scellé)', zones: 'Zones', classes: 'Classes',
    stage: 'Étape', planned_at_ms: 'Date prévue', on_site: 'Contacts sur site', elsewhere: 'Contacts ailleurs', contacts: 'Liste (scellée)', to: 'À', satisfaction: 'Satisfaction', place: 'Station', brigade: 'Brigade', desk: 'Poste',
  },
  siteActs: {
    'consigne-set': 'Consigne', 'consigne-withdraw': 'Retirer la consigne', 'closure-declare': 'Déclarer fermé', 'closure-lift': 'Lever la fermeture', 'visit-announce': 'Annoncer un passage',
    'reopening-plan': 'Prévoir la réouverture', 'reopening-withdraw': 'Retirer la réouverture', 'test-on': 'Mettre en essai', 'test-off': 'Fin d’essai', stage: 'Raccordement', 'contacts-set': 'Contacts',
  },
  hint: { by: 'contact-1', contact: 'contact-1', zones: 'toutes, ou 001 002', classes: 'toutes, ou fire tamper', user_code: '3' },
  scope: { site: 'site', group: 'groupe', class: 'classe' },
}

export const enWords: Words = {
  choice: {
    means: { 'call-with-code-word': 'Call with code word', video: 'Video', 'listening-in': 'Listening-in', 'guard-on-site': 'Guard on site' },
    result: { negative: 'Negative', positive: 'Positive', inconclusive: 'Inconclusive', impossible: 'Impossible' },
    outcome: {
      burglary: 'Burglary', attempt: 'Attempt', 'hold-up': 'Hold-up', fire: 'Fire', 'user-error': 'User error', 'technical-fault': 'Technical fault',
      'works-or-visit': 'Works or visit', 'animal-or-weather': 'Animal or weather', 'unannounced-test': 'Unannounced test', 'power-cut': 'Power cut',
      undetermined: 'Undetermined', 'on-test': 'On test',
    },
    call_result: { reached: 'Reached', 'no-answer': 'No answer', unreachable: 'Unreachable' },
    passcode: { ok: 'Right', wrong: 'Wrong', duress: 'Under duress' },
    guard_step: { requested: 'Requested', accepted: 'Accepted', refused: 'Refused', arrived: 'Arrived', left: 'Left' },
    ground: { 'property-verified': 'Property, verified', persons: 'Persons', 'fire-or-rescue': 'Fire or rescue', missing: 'No ground' },
    installer_result: { rung: 'Rung', answered: 'Answered', refused: 'Refused', unreachable: 'Unreachable' },
    choice: { guard: 'Send a guard', wait: 'Wait', refuse: 'Do nothing', 'isolate-zone': 'Isolate the zone', come: 'Comes along' },
    authenticated_how: { passcode: 'Passcode', 'call-back': 'Call-back', portal: 'Customer portal', letter: 'Letter', 'in-person': 'In person' },
    channel: { phone: 'Phone', email: 'E-mail', sms: 'SMS', portal: 'Customer portal', letter: 'Letter' },
    stage: { requested: 'Requested', scheduled: 'Scheduled', installed: 'Installed', tested: 'Tested', 'in-service': 'In service', suspended: 'Suspended', resigned: 'Resigned' },
    step: {
      'call-site': 'Call the site', 'call-contact': 'Call the contact', video: 'Video', 'listen-in': 'Listen in', 'send-guard': 'Send a guard', 'call-police': 'Call the police',
      'call-fire-or-rescue': 'Call fire or rescue', 'call-installer': 'Call the installer', wait: 'Wait', other: 'Other',
    },
    to: { guard: 'Guard company', installer: 'Installer', police: 'Police', 'customer-service': 'Customer service' },
  },
  field: {
    means: 'Means', result: 'Result', outcome: 'Outcome', reason: 'Reason', note: 'Note', contact: 'Contact', call_result: 'Call', passcode: 'Passcode', authenticated_how: 'Authenticated by',
    choice: 'The customer decides', analysis: 'What you told them', firm: 'Firm', guard_step: 'Step', ground: 'Ground', element: 'Concrete element', arrived: 'arrived', installer: 'Installer',
    installer_result: 'Result', consigne: 'Consigne', not_applicable: 'not applicable', wake_up_at_ms: 'Back in', to_user: 'To', channel: 'By', restore_owner: 'Restored by', by: 'Asked by',
    steps: 'In this order', text: 'In words (sealed)', until_ms: 'For', from_ms: 'From', user_code: 'Code', person: 'Person (sealed)', zones: 'Zones', classes: 'Classes',
    stage: 'Stage', planned_at_ms: 'Planned day', on_site: 'Contacts on site', elsewhere: 'Contacts elsewhere', contacts: 'List (sealed)', to: 'To', satisfaction: 'Satisfaction', place: 'Station', brigade: 'Brigade', desk: 'Desk',
  },
  siteActs: {
    'consigne-set': 'Consigne', 'consigne-withdraw': 'Withdraw the consigne', 'closure-declare': 'Declare closed', 'closure-lift': 'Lift the closure', 'visit-announce': 'Announce a visit',
    'reopening-plan': 'Plan the reopening', 'reopening-withdraw': 'Withdraw the reopening', 'test-on': 'Put on test', 'test-off': 'End of test', stage: 'Connection', 'contacts-set': 'Contacts',
  },
  hint: { by: 'contact-1', contact: 'contact-1', zones: 'all, or 001 002', classes: 'all, or fire tamper', user_code: '3' },
  scope: { site: 'site', group: 'group', class: 'class' },
}
