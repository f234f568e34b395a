class_name AsteroidField
extends MultiMeshInstance3D
## Asteroids around the zone, made of one mesh in many sizes. They are the same in every game.

const COUNT := 90
const LUMPS := 0.34

@export var inner := 60.0
@export var outer := 260.0


func _ready() -> void:
	var chance := RandomNumberGenerator.new()
	chance.seed = 11
	multimesh = MultiMesh.new()
	multimesh.transform_format = MultiMesh.TRANSFORM_3D
	multimesh.mesh = _lump()
	multimesh.instance_count = COUNT
	for i in COUNT:
		var far := lerpf(inner, outer, sqrt(chance.randf()))
		var at := Vector2.from_angle(chance.randf_range(-PI, PI)) * far
		var height := chance.randf_range(-1.0, 1.0) * far * 0.28
		var size := chance.randf_range(1.0, 3.0) * (1.0 + 3.0 * pow(chance.randf(), 5.0))
		if absf(height) < size * 1.6 + 4.0:
			height = (size * 1.6 + 5.0) * signf(height)  # keep the plane of flight free
		var turned := Basis.from_euler(Vector3(chance.randf(), chance.randf(), chance.randf()) * TAU)
		var squeezed := Vector3(1.0, chance.randf_range(0.6, 0.9), chance.randf_range(0.7, 1.1)) * size
		multimesh.set_instance_transform(i, Transform3D(turned.scaled_local(squeezed), Vector3(at.x, height, at.y)))


## Returns a ball with dents and flat faces.
static func _lump() -> ArrayMesh:
	var noise := FastNoiseLite.new()
	noise.frequency = 0.9
	var ball := SphereMesh.new()
	ball.radial_segments = 14
	ball.rings = 7
	var tool := SurfaceTool.new()
	tool.create_from(ball, 0)
	tool.deindex()
	var data := MeshDataTool.new()
	data.create_from_surface(tool.commit(), 0)
	for i in data.get_vertex_count():
		var at := data.get_vertex(i) * 2.0
		data.set_vertex(i, at * (1.0 + LUMPS * noise.get_noise_3dv(at * 1.3)))
	var bent := ArrayMesh.new()
	data.commit_to_surface(bent)
	tool = SurfaceTool.new()
	tool.begin(Mesh.PRIMITIVE_TRIANGLES)
	tool.set_smooth_group(-1)
	for vertex: Vector3 in bent.surface_get_arrays(0)[Mesh.ARRAY_VERTEX]:
		tool.add_vertex(vertex)
	tool.generate_normals()
	return tool.commit()
