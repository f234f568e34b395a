extends Node
## Takes one picture of the game, or a film, and ends it:
##   -- --into=FOLDER --take=NAME and the arguments of the game

## The other ships have so long to appear and to separate, in s.
const SETTLES_S := 4.0
const FILM_MS := 6_800
## Shortest interval between frames, in ms.
const FRAME_MS := 62

var _game: Game
var _into := ""


func _ready() -> void:
	_take.call_deferred()


func _take() -> void:
	var take := ""
	for word in OS.get_cmdline_user_args():
		if word.begins_with("--into="):
			_into = word.trim_prefix("--into=")
		elif word.begins_with("--take="):
			take = word.trim_prefix("--take=")
	while _game == null or _game.zone == null:
		await get_tree().process_frame
		_game = get_tree().current_scene as Game
	_draw_finely()
	await _wait(SETTLES_S)
	match take:
		"hall":
			await _stand(Vector2(9.0, 50.0), -1.72)
		"portal":
			await _stand(Vector2(-3.0, -20.0), -1.45)
			_look_from(Vector3(5.0, 6.0, 1.0), Vector3(-15.0, 7.0, -60.0))
		"trading":
			for good: String in ["Ice", "Ice", "Ice", "Seeds", "Seeds", "Rare earths"]:
				TradingMarketplace.buy(good)
			await _stand(Vector2(0.0, 14.5), -PI / 2.0)
			_game.zone.use()
			await _wait(0.8)
		"above":
			_game.get_node(^"UI").set(&"visible", false)
			_look_from(Vector3(20.0, 15.0, 58.0), Vector3(-4.0, 6.0, -12.0))
			await _wait(0.5)
		"film":
			await _film()
	if take != "film":
		_save(await _image(), take)
	get_tree().quit()


func _draw_finely() -> void:
	(_game.zone.get_node(^"Space") as Space).draw_finely(true)


func _stand(at: Vector2, heading: float) -> void:
	_game.zone.ship.appear(at, heading)
	_game.zone.camera.snap()
	await _wait(1.2)


func _look_from(eye: Vector3, target: Vector3) -> void:
	_game.zone.camera.set_process(false)
	_game.zone.camera.look_at_from_position(eye, target)


func _image() -> Image:
	await RenderingServer.frame_post_draw
	return get_viewport().get_texture().get_image()


func _save(image: Image, picture: String) -> void:
	image.save_png(_into.path_join(picture + ".png"))


func _wait(seconds: float) -> void:
	await get_tree().create_timer(seconds).timeout


## Flies into the portal and then among the other ships. A frame is named after its time, in ms.
func _film() -> void:
	get_window().content_scale_factor = 1.3
	_game.get_node(^"UI").set(&"rows", 5)
	for part: String in ["Radar", "Bottom", "Leave"]:
		_game.get_node("UI/Screen/" + part).set(&"visible", false)
	_fly(Vector2(-11.0, -16.0), Vector2(0.0, -64.0))
	await _wait(0.6)
	var frames: Dictionary[int, Image] = {}
	var begun_ms := Time.get_ticks_msec()
	var ms := 0
	while ms < FILM_MS:
		if _game.zone is LobbyZone3D and _game.zone.ship.autopilot == null:
			_fly(Vector2(9.0, 62.0), Vector2(-16.0, -34.0))
		frames[ms] = await _image()
		while Time.get_ticks_msec() - begun_ms < ms + FRAME_MS:
			await get_tree().process_frame
		ms = Time.get_ticks_msec() - begun_ms
	for at: int in frames:
		_save(frames[at], "film-%05d" % at)


func _fly(from: Vector2, to: Vector2) -> void:
	_draw_finely()
	var flight := _game.zone.ship.flight
	_game.zone.ship.appear(from, (to - from).angle())
	flight.speed = ShipFlight.TOP_SPEED
	flight.velocity = Vector2.from_angle(flight.heading) * flight.speed
	_game.zone.camera.snap()
	_game.zone.ship.autopilot = Autopilot.new(5)
	_game.zone.ship.autopilot.goal = to
