// ApusEngine
