@tool
extends EditorPlugin
## Adds the autoload and the settings when the plugin is enabled, and removes them when it is disabled.

@warning_ignore_start("return_value_discarded")

const AUTOLOAD := "LobbyController"
const CLIENT := "res://addons/lobby_presence/lobby_client.gd"


func _enter_tree() -> void:
	for setting in LobbySettings.TABLE:
		var row := LobbySettings.TABLE[setting]
		var path := LobbySettings.SECTION + setting
		if not ProjectSettings.has_setting(path):
			ProjectSettings.set_setting(path, row.default)
		ProjectSettings.set_initial_value(path, row.default)
		ProjectSettings.set_as_basic(path, true)
		ProjectSettings.add_property_info({"name": path, "type": typeof(row.default)})


func _enable_plugin() -> void:
	# A game may have its own controller that extends LobbyClient.
	if not ProjectSettings.has_setting("autoload/" + AUTOLOAD):
		add_autoload_singleton(AUTOLOAD, CLIENT)


func _disable_plugin() -> void:
	if _autoload() == CLIENT:
		remove_autoload_singleton(AUTOLOAD)
	for setting in LobbySettings.TABLE:
		ProjectSettings.clear(LobbySettings.SECTION + setting)
	ProjectSettings.save()


## Returns the script of the autoload. The editor stores its path or its uid.
func _autoload() -> String:
	var path := str(ProjectSettings.get_setting("autoload/" + AUTOLOAD, "")).trim_prefix("*")
	return ResourceUID.get_id_path(ResourceUID.text_to_id(path)) if path.begins_with("uid://") else path
