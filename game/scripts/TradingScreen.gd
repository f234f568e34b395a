class_name TradingScreen
extends Control
## The trading screen: goods, their prices now and half a minute ago, and the stock. The game continues while it is open.

var _on_close := Callable()
var _rows: Dictionary[String, GoodRow] = {}

@onready var _credits: Label = %Credits
@onready var _hold: Label = %Hold
@onready var _goods: VBoxContainer = %Goods


func _ready() -> void:
	for good in TradingMarketplace.GOODS:
		_rows[good] = GoodRow.new(good)
		_goods.add_child(_rows[good])
	TradingMarketplace.traded.connect(_show)
	(%Close as Button).pressed.connect(close)
	(%Tick as Timer).timeout.connect(_show)
	visible = false


func _input(event: InputEvent) -> void:
	if visible and (event.is_action_pressed(&"ui_cancel") or event.is_action_pressed(&"use")):
		get_viewport().set_input_as_handled()
		close()


## Opens the screen. [param on_close] is called when it is closed.
func open(on_close: Callable) -> void:
	_on_close = on_close
	visible = true
	modulate.a = 0.0
	create_tween().tween_property(self, ^"modulate:a", 1.0, 0.2)
	_show()


## Closes the screen.
func close() -> void:
	if visible:
		visible = false
		_on_close.call()


func _show() -> void:
	if not visible:
		return
	_credits.text = "%d cr" % TradingMarketplace.credits
	_hold.text = "hold %d / %d" % [TradingMarketplace.count(), TradingMarketplace.ROOM]
	for row: GoodRow in _rows.values():
		row.refresh()
