// ApusController
