curl "{origin}/api/3/action/datastore_search?resource_id=e6013a93-1321-4f2a-bf91-8d8a02f1e62f&limit=50&sort=_id"
