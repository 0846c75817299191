"""The project: settings, doors, processes. It assembles the apps and holds no business logic."""
