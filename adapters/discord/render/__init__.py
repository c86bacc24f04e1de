"""What people see: replies, components, modals, settings, stories."""
