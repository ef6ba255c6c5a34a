// ApusExecutor
