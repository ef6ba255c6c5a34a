// ApusModel
