check "accepts a day" yes "$(answer date_valid 2024-08-31)"
check "refuses a day that does not exist" no "$(answer date_valid 2024-04-31)"
check "refuses other forms" no "$(answer date_valid 1.4.2024)"
