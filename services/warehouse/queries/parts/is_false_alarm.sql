last_outcome IN ('user_error', 'technical_fault', 'works_or_visit', 'animal_or_weather', 'unannounced_test', 'power_cut')
