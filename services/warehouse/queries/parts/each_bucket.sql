arrayJoin({bucket_range})
