class_name ZoneUIManager
extends CanvasLayer
## The user interface over a zone: its title, the list of players, the state of the connection, and hints.

## The player chose the action of the hint.
signal hint_taken
## The player pressed the button to leave.
signal leave_requested
## The player chose a room of the lobby.
signal room_chosen(room: String)

const GOOD := Color(0.36, 0.95, 0.75)
const WAITING := Color(1.0, 0.74, 0.4)
const BAD := Color(1.0, 0.42, 0.42)
const OFF := Color(0.55, 0.56, 0.75)

## Number of rows. Further players are counted only.
@export var rows := 10

var _is_stale := true
var _rows: Array[PlayerRow] = []

@onready var _title: Label = %Title
@onready var _subtitle: Label = %Subtitle
@onready var _dot: ColorRect = %Dot
@onready var _state: Label = %State
@onready var _ping: Label = %Ping
@onready var _count: Label = %Count
@onready var _list: VBoxContainer = %List
@onready var _more: Label = %More
@onready var _hint: Button = %Hint
@onready var _help: Label = %Help
@onready var _radar: Radar = %Radar
@onready var _trading: TradingScreen = %Trading
@onready var _stations: RoomsScreen = %Stations


func _ready() -> void:
	for i in rows:
		_rows.append(PlayerRow.new())
		_list.add_child(_rows[-1])
	_list.move_child(_more, -1)
	LobbyController.player_joined.connect(_on_changed)
	LobbyController.player_left.connect(_on_changed)
	LobbyController.status_changed.connect(_on_changed)
	LobbyController.player_data_changed.connect(_on_changed)
	LobbyController.connected.connect(_on_changed.bind(null))
	_hint.pressed.connect(func() -> void: hint_taken.emit())
	(%Leave as Button).pressed.connect(func() -> void: leave_requested.emit())
	_stations.chosen.connect(room_chosen.emit)
	hint("")


func _process(_delta: float) -> void:
	_show_connection()
	if _is_stale:
		_is_stale = false
		_show_players()


## Shows the title, the subtitle and the radar of a zone.
func show_zone(zone: Zone3D) -> void:
	_title.text = zone.title.to_upper()
	_subtitle.text = zone.subtitle
	_help.text = zone.help()
	_radar.zone = zone
	_trading.close()
	_stations.close()
	hint("")
	_is_stale = true


## Shows a hint. Empty hides it.
func hint(text: String) -> void:
	_hint.visible = not text.is_empty()
	_hint.text = text


## Opens the trading screen. [param on_close] is called when it is closed.
func open_trading(on_close: Callable) -> void:
	_trading.open(on_close)


## Opens the list of the lobby's rooms. [param on_close] is called when it is closed.
func open_rooms(on_close: Callable) -> void:
	_stations.open(on_close)


func _show_connection() -> void:
	var lobby := LobbyController
	var colour := OFF
	var text := "offline"
	_ping.text = ""
	match lobby.state:
		LobbyClient.State.CONNECTED:
			colour = GOOD
			text = "connected"
			_ping.text = "" if is_nan(lobby.round_trip_ms) else "%d ms" % maxi(1, roundi(lobby.round_trip_ms))
		LobbyClient.State.CONNECTING:
			colour = WAITING
			text = "connecting"
		LobbyClient.State.WAITING:
			colour = WAITING
			text = "no lobby; next attempt in %d s" % ceili(lobby.retry_in_s)
		LobbyClient.State.REFUSED:
			colour = BAD
			text = "the lobby refused the connection"
	var pulse := 0.65 + 0.35 * sin(Time.get_ticks_msec() * 0.005)
	_dot.color = Color(colour, 1.0 if colour == GOOD or colour == OFF else pulse)
	_state.text = text
	_state.add_theme_color_override(&"font_color", colour)


func _show_players() -> void:
	var here: Array[LobbyPlayer] = []
	here.assign(LobbyController.players.values())
	here.sort_custom(func(a: LobbyPlayer, b: LobbyPlayer) -> bool: return a.name.naturalnocasecmp_to(b.name) < 0)
	_count.text = "%d players here" % (here.size() + 1) if here else "only you here"
	for i in _rows.size():
		if i == 0:
			_rows[i].show_you()
		else:
			_rows[i].show_player(here[i - 1] if i <= here.size() and i < rows else null)
	_more.visible = here.size() >= rows and rows > 0
	_more.text = "and %d more" % (here.size() - rows + 1)


func _on_changed(_player: LobbyPlayer) -> void:
	_is_stale = true
