class_name Soundscape
extends Node
## The sounds of the game, made of sines: the hum of the station, the engine, and short sounds for events. There is no sound in
## a headless game.

const RATE := 11_025
const LOUD_DB := -20.0

## The ship with the audible engine.
var ship: PlayerShip3D

var _players: Dictionary[StringName, AudioStreamPlayer] = {}


func _ready() -> void:
	if DisplayServer.get_name() == "headless" or Arguments.of_this_game().silent:
		process_mode = PROCESS_MODE_DISABLED
		return
	_add(&"hum", _sound(4.0, _hum, true), -8.0).play()
	_add(&"engine", _sound(2.0, _engine, true), -60.0).play()
	_add(&"passage", _sound(0.9, _passage), 0.0)
	_add(&"joined", _sound(0.5, _chime.bind(660.0, 990.0)), -4.0)
	_add(&"left", _sound(0.5, _chime.bind(590.0, 392.0)), -4.0)
	LobbyController.player_joined.connect(func(_player: LobbyPlayer) -> void: play(&"joined"))
	LobbyController.player_left.connect(func(_player: LobbyPlayer) -> void: play(&"left"))


func _process(_delta: float) -> void:
	var power := 0.0
	if is_instance_valid(ship):
		power = ship.flight.velocity.length() / ShipFlight.TOP_SPEED
	var engine := _players[&"engine"]
	engine.volume_db = LOUD_DB + linear_to_db(maxf(0.001, power))
	engine.pitch_scale = 0.8 + 0.5 * power


func _unhandled_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"mute"):
		AudioServer.set_bus_mute(0, not AudioServer.is_bus_mute(0))


## Plays a sound, unless it is already playing.
func play(sound: StringName) -> void:
	if _players.has(sound) and not _players[sound].playing:
		_players[sound].play()


func _add(sound: StringName, stream: AudioStreamWAV, louder_db: float) -> AudioStreamPlayer:
	var player := AudioStreamPlayer.new()
	player.stream = stream
	player.volume_db = LOUD_DB + louder_db
	add_child(player)
	_players[sound] = player
	return player


## Returns samples of [param wave], a function of the time in s and of the share of the length that has passed.
static func _sound(seconds: float, wave: Callable, loops := false) -> AudioStreamWAV:
	var count := int(seconds * RATE)
	var data := PackedByteArray()
	data.resize(2 * count)
	for i in count:
		var value: float = wave.call(i / float(RATE), i / float(count))
		data.encode_s16(2 * i, int(clampf(value, -1.0, 1.0) * 32_767.0))
	var stream := AudioStreamWAV.new()
	stream.format = AudioStreamWAV.FORMAT_16_BITS
	stream.mix_rate = RATE
	stream.data = data
	if loops:
		stream.loop_mode = AudioStreamWAV.LOOP_FORWARD
		stream.loop_end = count
	return stream


# In a sound that loops, the length is a whole number of periods of each frequency.
static func _hum(s: float, _share: float) -> float:
	var breath := 0.75 + 0.25 * sin(TAU * 0.25 * s)
	return breath * (0.4 * sin(TAU * 55.0 * s) + 0.25 * sin(TAU * 82.5 * s) + 0.1 * sin(TAU * 110.25 * s))


static func _engine(s: float, _share: float) -> float:
	return 0.4 * sin(TAU * 70.0 * s + 1.5 * sin(TAU * 35.0 * s)) + 0.2 * sin(TAU * 140.5 * s) + 0.1 * sin(TAU * 9.0 * s)


static func _passage(s: float, share: float) -> float:
	return sin(PI * share) * 0.6 * sin(TAU * (120.0 + 500.0 * share * share) * s + 3.0 * sin(TAU * 13.0 * s))


static func _chime(s: float, share: float, first: float, second: float) -> float:
	var tone := first if share < 0.4 else second
	return pow(1.0 - share, 2.0) * 0.5 * (sin(TAU * tone * s) + 0.3 * sin(TAU * 2.0 * tone * s))
