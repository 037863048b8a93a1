"""Who may do what: customers, licences, dated rules, decisions and the audit trail."""
